#ifndef WEIR_HOST_BROKER_WRITABLE_LOG_H_
#define WEIR_HOST_BROKER_WRITABLE_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/log_source.h"
#include "host/control/event_log.h"
#include "host/pipeline/event.h"

namespace weir {

// The log as the broker writes it. Thread-safe.
class WritableLog : public LogSource {
 public:
  // Called when events have become visible: how many, and when the oldest of
  // them was appended (Clock::MonotonicNs); with 0, when some that were visible
  // have become durable. Quick, and without a lock of the log's held.
  using OnVisible = std::function<void(int64_t append_ns, uint64_t n)>;

  // Says who is told; before Start and the first Append.
  virtual void SetListener(OnVisible on_visible) = 0;

  // Starts the threads that the log needs, if any. At most once.
  virtual void Start() {}

  // Appends `event`, which must have passed CheckEvent, and returns its number.
  // Readers see it at once, or when it is as safe as the log promises.
  //
  // Returns ResourceExhausted / EVENT_TOO_LARGE {size, limit} for one of more
  // than kMaxEventBytes serialized; no number is used up then. Unavailable /
  // SERVER_DRAINING after Close.
  virtual absl::StatusOr<uint64_t> Append(Event event) = 0;

  // Appends `events`, at least one, with consecutive numbers, and returns the
  // first: all or none. Readers see all at once, and all are kept or none,
  // however the process ends.
  //
  // Each must have passed CheckEvent. The errors are those of Append.
  virtual absl::StatusOr<uint64_t> AppendAll(std::vector<Event> events) = 0;

  // Forgets what is too old. Append forgets what is too much.
  virtual void EvictOld() = 0;

  // Everything appended is safe, and visible, when this returns, and nothing is
  // appended any more. Reads still work. Safe to call twice.
  virtual void Close() {}

  // Waits until everything appended so far is visible, for two seconds at most.
  virtual void Flush() {}

  // How long and how much it keeps.
  struct Retention {
    absl::Duration age;
    uint64_t bytes = 0;
  };
  virtual Retention retention() const = 0;

  // Since the start.
  virtual uint64_t appended_events() const = 0;
  virtual uint64_t appended_bytes() const = 0;

  // The newest position on the disk; 0 if there is no journal.
  virtual uint64_t durable() const { return 0; }
  // Whether there is a journal that does not work: what is appended is kept in
  // memory only.
  virtual bool degraded() const { return false; }
  // nullopt if there is no journal.
  virtual std::optional<JournalStats> journal() const { return std::nullopt; }
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_WRITABLE_LOG_H_
