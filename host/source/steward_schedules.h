#ifndef WEIR_HOST_SOURCE_STEWARD_SCHEDULES_H_
#define WEIR_HOST_SOURCE_STEWARD_SCHEDULES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/source/steward_processes.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "lib/steward/message.h"

namespace weir {

// The messages that came with a schedule [interval, total] and are to be handed
// out again: every `interval` seconds from when they came, and before `total`
// seconds have passed. Of [2, 6] that is after 2 and 4 seconds; the first time
// is the message itself.
//
// A repetition that nobody took until the next was due, or until `total` had
// passed, is left out and counted.
// A schedule ends with the run of its process; one of a message that comes
// again, from the same sender with the same ID and content, begins anew, so
// that what is sent twice is not repeated twice as often. They are in memory
// alone.
//
// Thread-safe.
class StewardSchedules {
 public:
  // Of both, more are refused.
  static constexpr size_t kMaxSchedules = 1000;
  static constexpr size_t kMaxBytes = size_t{64} << 20;

  struct Due {
    std::string subject;
    std::shared_ptr<const std::string> message;  // As it was handed out first.
    uint64_t run = 0;                            // Of its process.
    bool stop_on_error = false;
  };
  struct Counts {
    uint64_t current = 0;
    uint64_t repeated = 0;  // Handed out.
    uint64_t missed = 0;
  };

  // `clock` must outlive it.
  StewardSchedules(std::shared_ptr<const StewardProcesses> processes,
                   const Clock& clock)
      : processes_(std::move(processes)), clock_(clock) {}

  // Follows the schedule of a message from now on, if it has one, as
  // CheckSchedule lets pass, and if that repeats anything. `unpacked` are its
  // bytes, and `process` takes it.
  //
  // Returns ResourceExhausted, with Refusal::kManySchedules, if there are too
  // many of processes that run.
  absl::Status Begin(const steward::Message& message,
                     absl::string_view unpacked,
                     const StewardProcesses::Found& process)
      ABSL_LOCKS_EXCLUDED(mu_);

  // One that is due, whose turn is over then.
  std::optional<Due> TakeDue() ABSL_LOCKS_EXCLUDED(mu_);
  // How long until one is; infinite if there is none.
  absl::Duration UntilNext() const ABSL_LOCKS_EXCLUDED(mu_);
  // Ends those of processes that do not run any more.
  void Prune() ABSL_LOCKS_EXCLUDED(mu_);

  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Schedule {
    Due due;
    int64_t start_ns = 0;
    int64_t interval_ns = 0;
    int64_t total_ns = 0;
    int64_t next_ns = 0;
  };
  using Table = std::map<std::string, Schedule>;

  // Sets when it is due after now. False if that is never.
  static bool Advance(int64_t now_ns, Schedule& schedule);
  Table::iterator End(Table::iterator at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsRoomFor(size_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PruneLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::shared_ptr<const StewardProcesses> processes_;
  const Clock& clock_;

  mutable Mutex mu_;
  Table schedules_ ABSL_GUARDED_BY(mu_);  // By what tells messages apart.
  std::set<std::pair<int64_t, std::string>> order_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t repeated_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t missed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_SCHEDULES_H_
