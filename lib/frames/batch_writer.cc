#include "lib/frames/batch_writer.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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
    size_t arrived = whole - queue.bytes() - Unacknowledged();
    for (const std::string& message : messages) {
      const size_t frame = header_size_ + message.size();
      if (frame > arrived) break;
      arrived -= frame;
      ++result.arrived;
    }
  }
  // In the middle of a frame, maybe.
  socket_.Close();
  return result;
}

void BatchWriter::Interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.fd(), &one, sizeof(one));
}

absl::Status BatchWriter::Connect() {
  // A peer that has closed still lets the kernel take a first message, which
  // then is lost.
  if (socket_.open() && !ReadAway().ok()) socket_.Close();
  if (socket_.open()) return absl::OkStatus();
  absl::StatusOr<Socket> socket =
      Dial(options_.address, options_.connect_timeout, wake_.fd());
  if (absl::IsCancelled(socket.status())) return Interrupted();
  if (!socket.ok()) return socket.status();
  socket_ = std::move(*socket);
  peer_closed_ = false;
  return absl::OkStatus();
}

absl::Status BatchWriter::Send(SendQueue* queue) {
  while (!queue->empty()) {
    std::vector<iovec>& parts = queue->Gather();
    msghdr message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent =
        sendmsg(socket_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      queue->Sent(static_cast<size_t>(sent));
      continue;
    }
    queue->Sent(0);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Ended(ErrorText(errno));
    if (absl::Status status = Await(POLLOUT, kMostWait); !status.ok()) {
      return status;
    }
    WatchStall(queue->bytes() + Unacknowledged());
  }
  return absl::OkStatus();
}

absl::Status BatchWriter::AwaitArrival() {
  const absl::Time begun = absl::Now();
  while (true) {
    // In this order: what is acknowledged now is not taken back by an end that
    // came before.
    const absl::Status open = ReadAway();
    const size_t unacknowledged = Unacknowledged();
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
  pollfd waits[] = {{socket_.fd(), static_cast<short>(events | POLLIN), 0},
                    {wake_.fd(), POLLIN, 0}};
  poll(waits, 2, PollTimeout(timeout));
  if ((waits[1].revents & POLLIN) != 0) return Interrupted();
  if ((waits[0].revents & ~POLLOUT) != 0) return ReadAway();
  return absl::OkStatus();
}

absl::Status BatchWriter::ReadAway() {
  for (int i = 0; i < kMostReads; ++i) {
    const ssize_t got =
        recv(socket_.fd(), space_.data(), space_.size(), MSG_DONTWAIT);
    if (got > 0) continue;
    if (got == 0) {
      peer_closed_ = true;
      return Ended("the peer closed the connection");
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return absl::OkStatus();
    peer_closed_ = false;
    return Ended(ErrorText(errno));
  }
  return absl::OkStatus();
}

size_t BatchWriter::Unacknowledged() const {
  int bytes = 0;
  if (ioctl(socket_.fd(), SIOCOUTQ, &bytes) != 0) return SIZE_MAX / 2;
  return static_cast<size_t>(bytes);
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
