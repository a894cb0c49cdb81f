#ifndef WEIR_HOST_BROKER_REPLAY_FEED_H_
#define WEIR_HOST_BROKER_REPLAY_FEED_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "host/broker/chunk.h"

namespace weir {

// A chunk, kept alive by it, and how many of its events may be read.
struct ChunkView {
  std::shared_ptr<const Chunk> chunk;
  uint32_t n = 0;
};

// Brings one stream what lies below the ring. Nothing here blocks: what is not
// there yet is read by others meanwhile, and the listener that the feed was
// opened with is called then. Used by one thread at a time.
class ReplayFeed {
 public:
  enum class State {
    kEvents,       // `view` has the event.
    kPending,      // Ask again when the listener was called.
    kBad,          // Up to `bad_last` nothing can be read any more.
    kMoved,        // It is gone, or in a hole, or in the ring: look again.
    kUnavailable,  // The disk does not answer. Ask again later.
  };
  struct Answer {
    State state = State::kPending;
    ChunkView view;
    uint64_t bad_last = 0;
  };

  virtual ~ReplayFeed() = default;

  // Asks for the event at `seq`, which is not in the ring; it and the numbers
  // in later calls only grow, or what was read ahead is read again.
  virtual Answer Take(uint64_t seq) = 0;

  // Says that nothing more is wanted for now: the stream has reached the ring.
  virtual void LetGo() = 0;

  // Asks for the first position with an append time of `time` or later. The
  // same `time` each time until there is an answer.
  virtual std::optional<uint64_t> FindTime(absl::Time time) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REPLAY_FEED_H_
