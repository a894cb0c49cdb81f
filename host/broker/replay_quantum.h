#ifndef WEIR_HOST_BROKER_REPLAY_QUANTUM_H_
#define WEIR_HOST_BROKER_REPLAY_QUANTUM_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/broker/journal_reader.h"
#include "host/broker/log_source.h"
#include "host/broker/replay_feed.h"
#include "host/pipeline/event_codec.h"

namespace weir {

// What was read of the journal from one position on. A value.
struct ReplayQuantum {
  std::deque<ChunkView> chunks;  // Consecutive.
  uint64_t next = 0;             // The position after them.
  // Set if `next` and what follows up to here cannot be read.
  uint64_t bad_last = 0;
  bool moved = false;  // `next` is gone, or in a hole, or in the ring.
  absl::Status error;  // The disk does not answer.
  uint64_t bytes = 0;
  uint64_t rows = 0;
};

// Reads from `seq` on, about `max_bytes`, and makes chunks of it: rows that
// were committed one event at a time become whole chunks again. Stops at what
// is not in the journal, at what is bad, and where the ring of `log` begins.
ReplayQuantum ReadQuantum(JournalReader& reader, const LogSource& log,
                          const EventCodec& codec, uint64_t seq, bool keys,
                          size_t max_bytes);

// Returns, in `next`, the first position with an append time of `time` or
// later; `error` if the disk does not answer.
ReplayQuantum FindTimeInJournal(JournalReader& reader, const LogSource& log,
                                const EventCodec& codec, absl::Time time);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REPLAY_QUANTUM_H_
