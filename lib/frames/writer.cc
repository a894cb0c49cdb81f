#include "lib/frames/writer.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/frames/frame_header.h"

namespace weir::frames {
namespace {

using client::MutexLock;

constexpr size_t kReadBytes = 64 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<Writer>> Writer::Open(WriterOptions options) {
  return Begin(std::move(options), /*connect=*/false);
}

absl::StatusOr<std::unique_ptr<Writer>> Writer::Dial(WriterOptions options) {
  return Begin(std::move(options), /*connect=*/true);
}

absl::StatusOr<std::unique_ptr<Writer>> Writer::Begin(WriterOptions options,
                                                      bool connect) {
  if (options.backoff.initial <= absl::ZeroDuration() ||
      options.backoff.maximum < options.backoff.initial) {
    return absl::InvalidArgumentError(
        "backoff: initial must be above zero and no longer than maximum");
  }
  Socket wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.open()) {
    return absl::UnavailableError(absl::StrCat("eventfd: ", ErrorText(errno)));
  }
  std::unique_ptr<Writer> writer(
      new Writer(std::move(options), std::move(wake)));
  Channel channel;
  if (connect) {
    const WriterOptions& with = writer->options_;
    absl::StatusOr<Channel> dialled =
        DialChannel(with.address, writer->tls_.get(), with.connect_timeout,
                    /*wake=*/-1);
    if (!dialled.ok()) {
      MutexLock lock(&writer->mu_);
      writer->state_ = State::kClosed;  // It has no thread that Close awaits.
      return dialled.status();
    }
    channel = std::move(*dialled);
  }
  MutexLock lock(&writer->mu_);
  if (channel.open()) writer->Connected(std::move(channel));
  writer->thread_ = std::thread([self = writer.get()] { self->Run(); });
  return writer;
}

Writer::Writer(WriterOptions options, Socket wake)
    : options_(std::move(options)),
      max_(OrDefault(options_.max_message_size)),
      header_size_(HeaderSize(options_.max_message_size)),
      wake_(std::move(wake)),
      tls_(options_.tls.has_value()
               ? std::make_unique<TlsContext>(
                     *options_.tls, TlsContext::Side::kDials, options_.log)
               : nullptr),
      backoff_(options_.backoff, random_),
      space_(kReadBytes),
      queue_(header_size_) {}

Writer::~Writer() { Close(absl::ZeroDuration()).IgnoreError(); }

absl::StatusOr<size_t> Writer::Write(absl::string_view message) {
  const size_t whole = header_size_ + message.size();
  MutexLock lock(&mu_);
  if (absl::Status status = Admit(message); !status.ok()) return status;
  const bool patient = options_.write_patience > absl::ZeroDuration();
  if (state_ != State::kConnected && !patient) return NotConnected();

  SendQueue::Fate fate;
  queue_.AppendWaiting(message, &fate);
  if (!sending_) {
    sending_ = true;
    while (fate == SendQueue::Fate::kWaiting && state_ == State::kConnected &&
           !full_ && !broken_) {
      SendOnce();
    }
    sending_ = false;
    // Who wants to end the connection, or to send, waits for that.
    if (broken_ || !queue_.empty()) WakeThread();
    changed_.NotifyAll();
  }
  absl::Time end = absl::InfiniteFuture();
  while (fate == SendQueue::Fate::kWaiting) {
    if (state_ == State::kConnected) {
      end = absl::InfiniteFuture();
      changed_.Wait(&mu_);
      continue;
    }
    if (end == absl::InfiniteFuture()) {
      end = absl::Now() + options_.write_patience;
    }
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration() && !sending_) {
      queue_.Withdraw(&fate);
      changed_.NotifyAll();
      return NotConnected();
    }
    changed_.WaitFor(&mu_,
                     std::clamp(left, absl::Milliseconds(1), absl::Hours(1)));
  }
  if (fate == SendQueue::Fate::kFailed) return NotConnected();
  return whole;
}

absl::StatusOr<size_t> Writer::Post(absl::string_view message) {
  MutexLock lock(&mu_);
  if (absl::Status status = Admit(message); !status.ok()) return status;
  queue_.Append(message);
  if (asleep_ && !full_) WakeThread();
  return header_size_ + message.size();
}

absl::Status Writer::Flush(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(&mu_);
  const uint64_t before = ever_errored_;
  while (!queue_.empty()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(absl::StrCat(
          options_.address, ": ", queue_.frames(),
          " messages are unsent after ", absl::FormatDuration(timeout)));
    }
    changed_.WaitFor(&mu_, std::min(left, absl::Hours(1)));
  }
  if (state_ == State::kGaveUp) return NotConnected();
  uint64_t errored = ever_errored_ - before;
  if (state_ == State::kClosed) {
    errored = stats_.errored_messages + stats_.errored_dropped;
  }
  if (errored == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      options_.address, ": ", errored,
      " messages will not be sent; TakeErrored has ", stats_.errored_messages));
}

absl::Status Writer::Reopen() {
  MutexLock lock(&mu_);
  if (closing_) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.address, ": the writer is closed"));
  }
  reopen_ = true;
  attempts_ = 0;
  if (state_ == State::kGaveUp) state_ = State::kDisconnected;
  WakeThread();
  return absl::OkStatus();
}

absl::Status Writer::Close(absl::Duration drain) {
  const absl::Time end = absl::Now() + drain;
  {
    MutexLock lock(&mu_);
    closing_ = true;
    changed_.NotifyAll();
  }
  if (drain > absl::ZeroDuration()) Flush(drain).IgnoreError();
  std::thread thread;
  {
    MutexLock lock(&mu_);
    if (!stopping_) goodbye_until_ = end;
    stopping_ = true;
    WakeThread();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
  MutexLock lock(&mu_);
  // The thread may be another Close's to join.
  while (state_ != State::kClosed) changed_.Wait(&mu_);
  const uint64_t unsent = stats_.errored_messages + stats_.errored_dropped;
  if (unsent == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(options_.address, ": ", unsent,
                   " messages were not sent; TakeErrored has ",
                   stats_.errored_messages, " of them"));
}

std::vector<std::string> Writer::TakeErrored() {
  MutexLock lock(&mu_);
  std::vector<std::string> taken(std::make_move_iterator(errored_.begin()),
                                 std::make_move_iterator(errored_.end()));
  errored_.clear();
  errored_bytes_ = 0;
  stats_.errored_messages = 0;
  return taken;
}

Writer::Stats Writer::GetStats() const {
  MutexLock lock(&mu_);
  Stats stats = stats_;
  stats.connected = state_ == State::kConnected && !broken_;
  stats.gave_up = state_ == State::kGaveUp;
  stats.frames_sent = queue_.frames_sent();
  stats.unsent_frames = queue_.frames();
  stats.unsent_bytes = queue_.bytes();
  return stats;
}

absl::Status Writer::Admit(absl::string_view message) {
  if (message.size() > max_) {
    return absl::InvalidArgumentError(absl::StrCat(
        options_.address, ": ", message.size(),
        " bytes are more than the longest message, ", max_,
        "; nothing was sent; raise max_message_size at both ends"));
  }
  const size_t whole = header_size_ + message.size();
  while (true) {
    if (closing_) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.address, ": the writer is closed"));
    }
    if (state_ == State::kGaveUp) return NotConnected();
    // One that is longer than the limit alone may go.
    if (queue_.empty() || queue_.bytes() + whole <= options_.max_unsent_bytes) {
      return absl::OkStatus();
    }
    // The thread itself would wait for what only it can do.
    if (!options_.wait_for_room ||
        std::this_thread::get_id() == thread_.get_id()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          options_.address, ": ", queue_.bytes(),
          " bytes are unsent and at "
          "most ",
          options_.max_unsent_bytes,
          " may be; the message was not taken; send less, or raise "
          "max_unsent_bytes"));
    }
    changed_.Wait(&mu_);
  }
}

void Writer::SendOnce() {
  const Pipe pipe = channel_.pipe();
  const std::vector<iovec>& parts = queue_.Gather();
  mu_.Unlock();
  // A peer that has closed still lets the kernel take a first message, which
  // then is lost.
  const ssize_t peeked = pipe.Peek();
  const int peek_error = errno;
  ssize_t sent = -1;
  int error = 0;
  if (peeked != 0) {
    sent = pipe.Send(parts);
    error = errno;
  }
  mu_.Lock();
  ++stats_.send_calls;
  // It lies with TLS now, and no event tells the thread of it.
  if (peeked > 0 && pipe.tls != nullptr) WakeThread();
  if (peeked == 0) {
    Break("the peer closed the connection");
  } else if (peeked < 0 && peek_error != EAGAIN && peek_error != EINTR) {
    Break(pipe.ErrorText(peek_error));
  } else if (sent < 0 && (error == EAGAIN || error == EINTR)) {
    full_ = error == EAGAIN;
  } else if (sent < 0) {
    Break(pipe.ErrorText(error));
  }
  if (sent < 0) return;
  stats_.bytes_sent += static_cast<uint64_t>(sent);
  sent_on_this_ = true;
  // Who waits does so for a fate, for nothing to be left, or for room.
  if (queue_.Sent(static_cast<size_t>(sent)) || queue_.empty() ||
      options_.wait_for_room) {
    changed_.NotifyAll();
  }
}

void Writer::Break(absl::string_view why) {
  if (broken_ || state_ != State::kConnected) return;
  broken_ = true;
  WakeThread();
  changed_.NotifyAll();
  if (stopping_) return;
  ++stats_.breaks;
  stats_.last_error = absl::StrCat("\"", options_.address, "\": ", why);
  Log(stats_.last_error);
}

absl::Status Writer::NotConnected() const {
  return absl::UnavailableError(
      stats_.last_error.empty()
          ? absl::StrCat("\"", options_.address, "\": not connected yet")
          : stats_.last_error);
}

void Writer::Log(absl::string_view line) {
  if (!options_.log) return;
  // A copy: last_error may be another's once the lock is open.
  const std::string copy(line);
  mu_.Unlock();
  options_.log(copy);
  mu_.Lock();
}

void Writer::WakeThread() {
  asleep_ = false;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.fd(), &one, sizeof(one));
}

}  // namespace weir::frames
