#ifndef WEIR_LIB_FRAMES_CLOSE_REASON_H_
#define WEIR_LIB_FRAMES_CLOSE_REASON_H_

#include <cstddef>

namespace weir::frames {

// Why a connection ended, or why its bytes cannot go on. Each is counted under
// its name.
enum class CloseReason {
  kNone,             // It is open.
  kPeerClosed,       // The peer closed it between two frames.
  kClosed,           // We did, as we were told to.
  kShutdown,         // We did, since the listener closed before it was drained.
  kRefused,          // There were as many connections as may be.
  kReset,            // The peer reset it, or the network did.
  kIdleTimeout,      // Nothing came for too long.
  kFrameTimeout,     // A frame began and did not come to its end in time.
  kTooLong,          // A length over the maximum.
  kNegative,         // A length below zero.
  kUnterminated,     // A length that goes on beyond its header.
  kHeaderClass,      // The peer has headers of another size.
  kTruncatedHeader,  // The end came inside a header...
  kTruncatedBody,    // ... or inside a payload.
  kTls,  // TLS failed, its handshake took too long, or only one end speaks it.
};

inline constexpr size_t kCloseReasons =
    static_cast<size_t>(CloseReason::kTls) + 1;

// Its name in statistics: "too_long".
constexpr const char* Name(CloseReason reason) {
  switch (reason) {
    case CloseReason::kNone:
      return "none";
    case CloseReason::kPeerClosed:
      return "peer_closed";
    case CloseReason::kClosed:
      return "closed";
    case CloseReason::kShutdown:
      return "shutdown";
    case CloseReason::kRefused:
      return "refused";
    case CloseReason::kReset:
      return "reset";
    case CloseReason::kIdleTimeout:
      return "idle_timeout";
    case CloseReason::kFrameTimeout:
      return "frame_timeout";
    case CloseReason::kTooLong:
      return "too_long";
    case CloseReason::kNegative:
      return "negative";
    case CloseReason::kUnterminated:
      return "unterminated";
    case CloseReason::kHeaderClass:
      return "header_class";
    case CloseReason::kTruncatedHeader:
      return "truncated_header";
    case CloseReason::kTruncatedBody:
      return "truncated_body";
    case CloseReason::kTls:
      return "tls";
  }
  return "unknown";
}

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_CLOSE_REASON_H_
