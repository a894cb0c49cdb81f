#include "lib/frames/channel.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace weir::frames {
namespace {

constexpr absl::Duration kConfirmation = absl::Milliseconds(500);
// What a record of TLS holds, at most: none of it is worth anything before the
// last byte.
constexpr size_t kRecordBytes = 16 << 10;

// Waits until the connection can be read, or written if that is `wanted`.
absl::Status Await(const Channel& channel, int wake, absl::Duration left,
                   bool wanted) {
  pollfd waits[] = {{channel.socket.fd(),
                     static_cast<short>(wanted ? POLLIN | POLLOUT : POLLIN), 0},
                    {wake, POLLIN, 0}};
  poll(waits, 2, PollTimeout(left));
  if ((waits[1].revents & POLLIN) != 0) {
    return absl::CancelledError("the attempt to connect was ended");
  }
  return absl::OkStatus();
}

absl::Status MakeHandshake(const std::string& address, const Channel& channel,
                           absl::Time end, int wake) {
  TlsSession& tls = *channel.tls;
  const auto failed = [&](absl::string_view why) {
    return absl::UnavailableError(
        absl::StrCat("\"", address, "\": cannot connect: ", why));
  };
  absl::Time confirmed_by = absl::InfiniteFuture();
  while (true) {
    const bool made = confirmed_by != absl::InfiniteFuture();
    const ssize_t result = made ? tls.Peek() : tls.Handshake();
    if (result == 0) return failed("TLS: the peer closed in the handshake");
    if (result < 0 && errno != EAGAIN) {
      return failed(channel.pipe().ErrorText(errno));
    }
    const absl::Time now = absl::Now();
    if (result == 1) {
      if (made || !tls.unconfirmed()) return absl::OkStatus();
      confirmed_by = now + kConfirmation;
      continue;
    }
    if (made && (now >= confirmed_by || !tls.unconfirmed())) {
      return absl::OkStatus();
    }
    if (now >= end) return failed("TLS: the handshake took too long");
    const absl::Status woken = Await(
        channel, wake, std::min(end, confirmed_by) - now, tls.wants_write());
    if (!woken.ok()) return woken;
  }
}

}  // namespace

ssize_t Pipe::Read(std::span<const iovec> parts) const {
  if (tls != nullptr) return tls->Read(parts);
  return readv(fd, parts.data(), static_cast<int>(parts.size()));
}

ssize_t Pipe::Send(std::span<const iovec> parts) const {
  if (tls != nullptr) return tls->Send(parts);
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t Pipe::Peek() const {
  if (tls != nullptr) return tls->Peek();
  char byte = 0;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

size_t Pipe::Unacknowledged() const {
  int bytes = 0;
  if (ioctl(fd, SIOCOUTQ, &bytes) != 0) return SIZE_MAX / 2;
  if (tls == nullptr || (bytes == 0 && !tls->wants_write())) {
    return static_cast<size_t>(bytes);
  }
  return static_cast<size_t>(bytes) + kRecordBytes;
}

std::string Pipe::ErrorText(int error) const {
  if (tls != nullptr && error == EPROTO) return tls->failure();
  return frames::ErrorText(error);
}

void Channel::Close() {
  if (tls != nullptr) tls->SayEnd();
  tls.reset();
  socket.Close();
}

absl::StatusOr<Channel> DialChannel(const std::string& address, TlsContext* tls,
                                    absl::Duration timeout, int wake) {
  const absl::Time end = absl::Now() + timeout;
  absl::StatusOr<Socket> socket = Dial(address, timeout, wake);
  if (!socket.ok()) return socket.status();
  Channel channel{std::move(*socket), nullptr};
  if (tls == nullptr) return channel;
  auto session = tls->NewSession(channel.socket.fd(), address);
  if (!session.ok()) {
    return absl::Status(
        session.status().code(),
        absl::StrCat("\"", address, "\": TLS: ", session.status().message()));
  }
  channel.tls = std::move(*session);
  absl::Status made = MakeHandshake(address, channel, end, wake);
  if (!made.ok()) return made;
  return channel;
}

}  // namespace weir::frames
