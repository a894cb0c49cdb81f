#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/writer.h"

// What the writer's own thread does; what its callers do is in writer.cc.

namespace weir::frames {
namespace {

using client::MutexLock;

ParserOptions RepliesOf(const WriterOptions& options) {
  ParserOptions parser;
  parser.max_message_size = options.max_message_size;
  return parser;
}

}  // namespace

void Writer::Run() {
  while (true) {
    bool connected = false;
    {
      MutexLock lock(&mu_);
      if (stopping_) break;
      connected = state_ == State::kConnected;
    }
    if (connected) {
      ServeOnce();
    } else {
      ConnectOnce();
    }
  }
  Pipe pipe;
  absl::Time until;
  {
    MutexLock lock(&mu_);
    while (sending_) changed_.Wait(&mu_);
    // Where nothing was sent there is nothing to be read.
    if (state_ == State::kConnected && !broken_ && queue_.empty() &&
        sent_on_this_) {
      pipe = channel_.pipe();
    }
    until = goodbye_until_;
  }
  if (pipe.fd >= 0) SayGoodbye(pipe, until);
  MutexLock lock(&mu_);
  Disconnect();
  KeepErrored();
  state_ = State::kClosed;
  changed_.NotifyAll();
}

void Writer::ConnectOnce() {
  absl::Duration wait;
  bool gave_up = false;
  {
    MutexLock lock(&mu_);
    gave_up = state_ == State::kGaveUp;
    if (gave_up) {
      wait = absl::InfiniteDuration();
    } else if (!std::exchange(reopen_, false) &&
               (attempts_ > 0 || stats_.breaks > 0)) {
      wait = backoff_.Next(absl::ZeroDuration());
    }
    asleep_ = false;  // Messages need not wake it: they could not go out.
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got =
        read(wake_.fd(), &count, sizeof(count));
    if (stopping_) return;
  }
  pollfd woken = {wake_.fd(), POLLIN, 0};
  if (wait > absl::ZeroDuration() &&
      (poll(&woken, 1, PollTimeout(wait)) != 0 || gave_up)) {
    return;
  }
  absl::StatusOr<Channel> channel = DialChannel(
      options_.address, tls_.get(), options_.connect_timeout, wake_.fd());
  if (absl::IsCancelled(channel.status())) return;
  MutexLock lock(&mu_);
  if (channel.ok()) {
    Connected(std::move(*channel));
    return;
  }
  ++stats_.connect_failures;
  stats_.last_error = std::string(channel.status().message());
  Log(stats_.last_error);
  // One that Reopen overtook does not count: the next begins now.
  if (reopen_) return;
  ++attempts_;
  if (options_.max_attempts > 0 && attempts_ >= options_.max_attempts) {
    GiveUp();
  }
}

void Writer::Connected(Channel channel) {
  channel_ = std::move(channel);
  state_ = State::kConnected;
  full_ = broken_ = false;
  attempts_ = 0;
  ++stats_.connects;
  connected_at_ = absl::Now();
  sent_on_this_ = false;
  parser_ = std::make_unique<FrameParser>(RepliesOf(options_));
  changed_.NotifyAll();
}

void Writer::ServeOnce() {
  Pipe pipe;
  short events = POLLIN | POLLRDHUP;
  {
    MutexLock lock(&mu_);
    if (reopen_) broken_ = true;  // Not by the peer.
    if (!sending_ && !broken_ && !full_ && !queue_.empty()) {
      sending_ = true;
      SendOnce();
      sending_ = false;
      changed_.NotifyAll();
    }
    if (broken_) {
      while (sending_) changed_.Wait(&mu_);
      Disconnect();
      return;
    }
    if (stopping_) return;
    if (!sending_ && !full_ && !queue_.empty()) return;  // Once more.
    if (full_) events |= POLLOUT;
    pipe = channel_.pipe();
    asleep_ = true;
  }
  // What TLS holds needs no waiting for.
  bool read_it =
      pipe.tls != nullptr && (pipe.tls->Peek() != -1 || errno != EAGAIN);
  pollfd waits[] = {{pipe.fd, events, 0}, {wake_.fd(), POLLIN, 0}};
  poll(waits, 2, read_it ? 0 : -1);
  {
    MutexLock lock(&mu_);
    asleep_ = false;
    if ((waits[1].revents & POLLIN) != 0) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t got =
          read(wake_.fd(), &count, sizeof(count));
    }
    if ((waits[0].revents & POLLOUT) != 0) full_ = false;
    if ((waits[0].revents & ~POLLOUT) != 0) read_it = true;
  }
  if (read_it) ReadReplies(pipe);
}

void Writer::ReadReplies(Pipe pipe) {
  const iovec space = {space_.data(), space_.size()};
  const ssize_t got = pipe.Read({&space, 1});
  if (got <= 0) {
    const int error = errno;
    if (got < 0 && (error == EAGAIN || error == EINTR)) return;
    MutexLock lock(&mu_);
    Break(got == 0 ? std::string("the peer closed the connection")
                   : pipe.ErrorText(error));
    return;
  }
  if (!options_.on_message) return;
  replies_.Clear();
  const CloseReason fault = parser_->Feed(
      absl::string_view(space_.data(), static_cast<size_t>(got)), &replies_);
  for (const absl::string_view message : replies_.frames) {
    options_.on_message(message);
  }
  MutexLock lock(&mu_);
  stats_.received += replies_.frames.size();
  if (fault != CloseReason::kNone) {
    Break(absl::StrCat("what the peer sends makes no sense: ", Name(fault)));
  }
}

void Writer::SayGoodbye(Pipe pipe, absl::Time end) {
  if (pipe.tls != nullptr) pipe.tls->SayEnd();
  shutdown(pipe.fd, SHUT_WR);
  while (true) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    const bool held = pipe.tls != nullptr && pipe.tls->more();
    pollfd wait = {pipe.fd, POLLIN, 0};
    if (!held && poll(&wait, 1, PollTimeout(left)) <= 0) continue;
    ReadReplies(pipe);
    MutexLock lock(&mu_);
    if (broken_) return;
  }
}

void Writer::Disconnect() {
  if (state_ == State::kConnected) {
    state_ = State::kDisconnected;
    if (sent_on_this_ ||
        absl::Now() - connected_at_ > options_.backoff.maximum) {
      backoff_.Reset();
    }
  }
  channel_.Close();
  broken_ = full_ = false;
  queue_.Rewind(/*keep_waiting=*/options_.write_patience >
                    absl::ZeroDuration() &&
                !stopping_);
  changed_.NotifyAll();
}

void Writer::GiveUp() {
  state_ = State::kGaveUp;
  stats_.last_error = absl::StrCat(stats_.last_error, "; gave up after ",
                                   attempts_, " attempts");
  KeepErrored();
  changed_.NotifyAll();
  Log(stats_.last_error);
}

void Writer::KeepErrored() {
  for (std::string& payload : queue_.TakeAll()) {
    ++ever_errored_;
    errored_bytes_ += payload.size();
    errored_.push_back(std::move(payload));
  }
  while (errored_bytes_ > options_.max_errored_bytes) {
    errored_bytes_ -= errored_.front().size();
    errored_.pop_front();
    ++stats_.errored_dropped;
  }
  stats_.errored_messages = errored_.size();
}

}  // namespace weir::frames
