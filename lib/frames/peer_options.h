#ifndef WEIR_LIB_FRAMES_PEER_OPTIONS_H_
#define WEIR_LIB_FRAMES_PEER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/frames/frame_parser.h"
#include "lib/frames/log.h"
#include "lib/frames/tls_options.h"

namespace weir::frames {

// What connections are let in, and how long they may take.
struct PeerOptions {
  // To listen on; see socket.h. One or several; all have the same maximum.
  std::vector<std::string> addresses;
  ParserOptions parser;
  // Whether peers must speak TLS, and how. Not for those that were dialled.
  std::optional<TlsOptions> tls;
  // Told when files of `tls` changed into what is none; may be empty.
  LogLine tls_log;
  // Open at the same time. More are accepted, closed at once and counted as
  // "refused". 0 is no limit, but for the process' own of open files.
  size_t max_connections = 10000;
  // A connection from which nothing came for so long, and that read no reply
  // that waits for it, is closed. Zero: never. Time in which its bytes waited
  // for us does not count.
  absl::Duration idle_timeout = absl::ZeroDuration();
  // A frame that began must be whole after this time, and a long one after as
  // much more as it takes at `frame_bytes_per_second`: so nobody holds memory
  // by sending halves of frames slowly. TLS's handshake has this time, too.
  // Zero: whenever it likes.
  absl::Duration frame_timeout = absl::Seconds(30);
  uint64_t frame_bytes_per_second = 64 << 10;
  // Replies that wait for one peer to read; more are refused.
  size_t max_unsent_bytes = 1 << 20;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_PEER_OPTIONS_H_
