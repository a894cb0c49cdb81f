#include "lib/frames/batch_writer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/frames/frame_header.h"

namespace weir::frames {
namespace {

constexpr size_t kReadBytes = 16 << 10;
// So many reads in a row, so that a peer that only talks does not keep us.
constexpr int kMostReads = 16;
// How often the kernel is asked what has arrived.
constexpr absl::Duration kLeastWait = absl::Milliseconds(1);
constexpr absl::Duration kMostWait = absl::Milliseconds(100);

absl::Status Interrupted() { return absl::CancelledError("interrupted"); }

}  // namespace

BatchWriter::BatchWriter(BatchWriterOptions options)
    : options_(std::move(options)),
      max_(OrDefault(options_.max_message_size)),
      header_size_(HeaderSize(options_.max_message_size)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      tls_(options_.tls.has_value()
               ? std::make_unique<TlsContext>(
                     *options_.tls, TlsContext::Side::kDials, options_.log)
               : nullptr),
      space_(kReadBytes) {}

BatchWriter::Result BatchWriter::Write(std::span<const std::string> messages) {
  Result result;
  SendQueue queue(header_size_);
  for (const std::string& message : messages) {
    if (message.size() > max_) {
      result.error = absl::InvalidArgumentError(absl::StrCat(
          options_.address, ": ", message.size(),
          " bytes are more than the longest message, ", max_,
          "; nothing was sent; raise max_message_size at both ends"));
      return result;
    }
    queue.Append(message);
  }
  const size_t whole = queue.bytes();
  result.error = Connect();
  if (!result.error.ok()) return result;
  result.connected = true;
  moved_at_ = absl::Now();
  waiting_ = whole;
  result.error = Send(&queue);
  if (result.error.ok()) result.error = AwaitArrival();
  if (result.error.ok()) {
    result.arrived = messages.size();
    return result;
  }
  if (absl::IsCancelled(result.error)) {
    const size_t sent = whole - queue.bytes();
    size_t arrived = sent - std::min(sent, channel_.pipe().Unacknowledged());
    for (const std::string& message : messages) {
      const size_t frame = header_size_ + message.size();
      if (frame > arrived) break;
      arrived -= frame;
      ++result.arrived;
    }
  }
  // In the middle of a frame, maybe.
  channel_.Close();
  return result;
}

void BatchWriter::Interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.fd(), &one, sizeof(one));
}

absl::Status BatchWriter::Connect() {
  // A peer that has closed still lets the kernel take a first message, which
  // then is lost.
  if (channel_.open() && !ReadAway().ok()) channel_.Close();
  if (channel_.open()) return absl::OkStatus();
  absl::StatusOr<Channel> channel = DialChannel(
      options_.address, tls_.get(), options_.connect_timeout, wake_.fd());
  if (absl::IsCancelled(channel.status())) return Interrupted();
  if (!channel.ok()) return channel.status();
  channel_ = std::move(*channel);
  peer_closed_ = false;
  return absl::OkStatus();
}

absl::Status BatchWriter::Send(SendQueue* queue) {
  while (!queue->empty()) {
    const ssize_t sent = channel_.pipe().Send(queue->Gather());
    const int error = errno;
    queue->Sent(static_cast<size_t>(std::max<ssize_t>(sent, 0)));
    if (sent >= 0 || error == EINTR) continue;
    if (error != EAGAIN) return Ended(channel_.pipe().ErrorText(error));
    if (absl::Status status = Await(POLLOUT, kMostWait); !status.ok()) {
      return status;
    }
    WatchStall(queue->bytes() + channel_.pipe().Unacknowledged());
  }
  return absl::OkStatus();
}

absl::Status BatchWriter::AwaitArrival() {
  const absl::Time begun = absl::Now();
  while (true) {
    // In this order: what is acknowledged now is not taken back by an end that
    // came before.
    const absl::Status open = ReadAway();
    const size_t unacknowledged = channel_.pipe().Unacknowledged();
    if (unacknowledged == 0 && (open.ok() || peer_closed_)) {
      WatchStall(0);
      return absl::OkStatus();
    }
    if (!open.ok()) return open;
    WatchStall(unacknowledged);
    const absl::Duration wait =
        std::clamp((absl::Now() - begun) / 4, kLeastWait, kMostWait);
    if (absl::Status status = Await(0, wait); absl::IsCancelled(status)) {
      return status;
    }
  }
}

absl::Status BatchWriter::Await(short events, absl::Duration timeout) {
  pollfd waits[] = {
      {channel_.socket.fd(), static_cast<short>(events | POLLIN), 0},
      {wake_.fd(), POLLIN, 0}};
  poll(waits, 2, PollTimeout(timeout));
  if ((waits[1].revents & POLLIN) != 0) return Interrupted();
  if ((waits[0].revents & ~POLLOUT) != 0) return ReadAway();
  return absl::OkStatus();
}

absl::Status BatchWriter::ReadAway() {
  for (int i = 0; i < kMostReads; ++i) {
    const iovec space = {space_.data(), space_.size()};
    const ssize_t got = channel_.pipe().Read({&space, 1});
    if (got > 0) continue;
    if (got == 0) {
      peer_closed_ = true;
      return Ended("the peer closed the connection");
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return absl::OkStatus();
    peer_closed_ = false;
    return Ended(channel_.pipe().ErrorText(errno));
  }
  return absl::OkStatus();
}

void BatchWriter::WatchStall(size_t waiting) {
  const absl::Time now = absl::Now();
  if (waiting != waiting_) {
    waiting_ = waiting;
    moved_at_ = now;
    if (std::exchange(stalled_, false) && options_.log) {
      options_.log(absl::StrCat("\"", options_.address, "\": reads again"));
    }
  } else if (now - moved_at_ > options_.stall &&
             !std::exchange(stalled_, true) && options_.log) {
    options_.log(absl::StrCat("\"", options_.address, "\": does not read; ",
                              waiting, " bytes have waited for it for ",
                              absl::FormatDuration(options_.stall),
                              ", and go on to"));
  }
}

absl::Status BatchWriter::Ended(absl::string_view why) const {
  return absl::UnavailableError(
      absl::StrCat("\"", options_.address, "\": ", why));
}

}  // namespace weir::frames
