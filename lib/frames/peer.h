#ifndef WEIR_LIB_FRAMES_PEER_H_
#define WEIR_LIB_FRAMES_PEER_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weir::frames {

// Names one connection, for as long as the process lives: none is given twice.
using PeerId = uint64_t;

// Who is at the other end. A value.
struct Peer {
  PeerId id = 0;
  std::string address;  // The other end's, "127.0.0.1:41234".
};

// What one connection has done up to now. A value.
struct PeerStats {
  Peer peer;
  std::string local_address;
  absl::Duration age;     // Since it was accepted.
  absl::Duration silent;  // Since a byte came, or a reply that waited went.
  uint64_t frames = 0;    // Delivered.
  uint64_t payload_bytes = 0;
  uint64_t wire_bytes = 0;  // All that came.
  uint64_t empty_skipped = 0;
  uint64_t odd_padding = 0;  // See FrameParser.
  uint64_t frames_sent = 0;
  uint64_t bytes_sent = 0;    // Headers among them; taken by the kernel.
  uint64_t unsent_bytes = 0;  // Waiting for the peer to read.
  bool in_frame = false;      // Whether a frame has begun and not ended.
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_PEER_H_
