#ifndef WEIR_HOST_PLUGIN_CHILD_RING_H_
#define WEIR_HOST_PLUGIN_CHILD_RING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/child_channel.h"
#include "host/sync/mutex.h"

namespace weir {

// What a child says beside its answers.
enum class ChildRecord : uint32_t {
  kEvent = 1,   // See child_event.h.
  kLog = 2,     // int32_t severity, and the line.
  kPut = 3,     // uint32_t bytes of the key, the key, and the value.
  kErase = 4,   // The key.
  kHealth = 5,  // int32_t WEIR_HEALTH_*, and why.
  kReply = 6,   // uint32_t message of the run, uint32_t bytes of the suffix,
                // the suffix, and the data.
  kNode = 7,    // A NodeCall, as EncodeNodeCall writes it.
};

// No record is longer: a value of 1 MiB with its key. An event of 64 KiB with
// all its prefixes and labels is far below that.
inline constexpr size_t kMaxChildRecord = (1 << 20) + 4096;

// The child's end of a ring. Thread-safe: a plugin may have threads.
class ChildRingWriter {
 public:
  // Lets at most `max_events` wait. `ring` must outlive the writer.
  ChildRingWriter(ChildRing& ring, uint32_t max_events)
      : ring_(ring), max_events_(max_events) {}

  ChildRingWriter(const ChildRingWriter&) = delete;
  ChildRingWriter& operator=(const ChildRingWriter&) = delete;

  // Appends a record. Returns false, and appends nothing, if there is no room
  // now, or never will be.
  bool Push(ChildRecord kind, absl::string_view body) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void CopyIn(uint64_t at, const void* data, size_t size);

  ChildRing& ring_;
  const uint32_t max_events_;
  Mutex mu_;
};

// The host's end of a ring. Trusts nothing in it. Not thread-safe.
class ChildRingReader {
 public:
  struct Record {
    ChildRecord kind;
    std::string body;
  };

  // `ring` must outlive the reader, and be empty at first.
  explicit ChildRingReader(ChildRing& ring) : ring_(ring) {}

  ChildRingReader(const ChildRingReader&) = delete;
  ChildRingReader& operator=(const ChildRingReader&) = delete;

  // Takes the oldest record, a copy; nullopt if there is none. Returns
  // DataLoss, from then on always, if what is there is no record: the child
  // wrote where it must not.
  absl::StatusOr<std::optional<Record>> Take();

 private:
  void CopyOut(uint64_t at, void* data, size_t size) const;

  ChildRing& ring_;
  uint64_t head_ = 0;  // The true one; the ring's is for the child.
  uint64_t events_ = 0;
  bool corrupt_ = false;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_RING_H_
