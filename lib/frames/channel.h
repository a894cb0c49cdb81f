#ifndef WEIR_LIB_FRAMES_CHANNEL_H_
#define WEIR_LIB_FRAMES_CHANNEL_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_context.h"
#include "lib/frames/tls_session.h"

namespace weir::frames {

// Where the bytes of a connection go through: its descriptor, and TLS if there
// is some. Owns neither. Thread-safe, as they are.
//
// All return bytes, 0 at the end, or -1 with errno, as the kernel does, and
// never block; see TlsSession for EPROTO.
struct Pipe {
  int fd = -1;
  TlsSession* tls = nullptr;

  ssize_t Read(std::span<const iovec> parts) const;
  // What is returned the kernel has taken. After EAGAIN the next call must
  // begin with the same bytes.
  ssize_t Send(std::span<const iovec> parts) const;
  // 1 if a byte can be read.
  ssize_t Peek() const;
  // Bytes that the kernel took and the peer's has not acknowledged; by TLS
  // maybe more.
  size_t Unacknowledged() const;
  // What errno of the above means, for a person.
  std::string ErrorText(int error) const;
};

// A connection that was dialled. Movable.
struct Channel {
  Socket socket;
  std::unique_ptr<TlsSession> tls;

  Pipe pipe() const { return {socket.fd(), tls.get()}; }
  bool open() const { return socket.open(); }
  // Says the end by TLS, and closes.
  void Close();
};

// As Dial, and makes the handshake if there is a `tls`. Where the peer asked
// for our certificate, it also waits for what the peer thinks of it, for half a
// second at most: servers say so at once, as a rule, and without it the first
// messages would be sent to one that has refused us.
absl::StatusOr<Channel> DialChannel(const std::string& address, TlsContext* tls,
                                    absl::Duration timeout, int wake);

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_CHANNEL_H_
