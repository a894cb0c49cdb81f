#ifndef WEIR_HOST_SOURCE_REPLAY_PROGRESS_H_
#define WEIR_HOST_SOURCE_REPLAY_PROGRESS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/pipeline/receipt.h"
#include "host/source/replay_position.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// How far a replay is completed, and a small file that remembers it.
//
// Batches may be completed in any order. The position moves only up to the
// oldest batch that is still held, so that after a crash nothing is skipped;
// what was handed over beyond it is delivered again.
//
// Receipts share the object with the source, so it outlives both, and writes
// the file for the last time when it dies. Thread-safe.
class ReplayProgress : public std::enable_shared_from_this<ReplayProgress> {
 public:
  // Writes to `state_file`, or nowhere if that is empty. `clock` must outlive
  // the object.
  ReplayProgress(std::string state_file, const Clock& clock);
  ~ReplayProgress();

  ReplayProgress(const ReplayProgress&) = delete;
  ReplayProgress& operator=(const ReplayProgress&) = delete;

  // Returns what the file remembers; the beginning if there is none.
  //
  // Returns FailedPrecondition, naming the file and the cure, if it cannot be
  // read or understood.
  absl::StatusOr<ReplayPosition> Load() ABSL_LOCKS_EXCLUDED(mu_);

  // Hands out a receipt for a batch that ends at `end`. Call it in the order of
  // the recording.
  Receipt HandOut(const ReplayPosition& end) ABSL_LOCKS_EXCLUDED(mu_);

  // Says whether the source was interrupted, which may be the host's end. What
  // is lost then, because queues are thrown away, is not committed unless the
  // source goes on. What a plugin's policy drops otherwise is committed, or a
  // replay would never move.
  void SetInterrupted(bool interrupted) ABSL_LOCKS_EXCLUDED(mu_);

  // Says that nothing more is handed out for now, so that the file is written
  // as soon as all is completed.
  void SetFinished() ABSL_LOCKS_EXCLUDED(mu_);

  ReplayPosition committed() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t commits() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t commit_errors() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The file is written at most this often, since each batch moves it.
  static constexpr int64_t kSaveEveryNs = 1'000'000'000;

  struct Batch {
    ReplayPosition end;
    bool completed = false;
    bool withheld = false;  // Lost while interrupted.
  };

  void Complete(uint64_t number, Outcome outcome) ABSL_LOCKS_EXCLUDED(mu_);
  void MoveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes the file if it is time to, or if `at_last`.
  void Save(bool at_last) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Write(const ReplayPosition& position) const;

  const std::string state_file_;
  const Clock& clock_;

  mutable Mutex mu_;
  std::deque<Batch> open_ ABSL_GUARDED_BY(mu_);
  uint64_t first_open_ ABSL_GUARDED_BY(mu_) = 0;  // Number of open_.front().
  ReplayPosition committed_ ABSL_GUARDED_BY(mu_);
  ReplayPosition saved_ ABSL_GUARDED_BY(mu_);
  int64_t saved_ns_ ABSL_GUARDED_BY(mu_);
  bool saving_ ABSL_GUARDED_BY(mu_) = false;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t commits_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t commit_errors_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_REPLAY_PROGRESS_H_
