#ifndef WEIR_HOST_SOURCE_NAKADI_COMMITS_H_
#define WEIR_HOST_SOURCE_NAKADI_COMMITS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/pipeline/receipt.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/committer.h"

namespace weir {

// Commits what the handlers are done with, by the receipts of the batches.
// Receipts share it with the source, so it outlives both.
//
//   a batch is done        when                                   so
//   all processed          always                                 committed
//   some lost              interrupted, which may be the end      not committed
//   some lost              commit_incomplete                      committed
//   some lost              else                                   read again
//
// "Read again" drops the stream: the next one begins behind the last commit.
//
// Thread-safe.
class NakadiCommits : public std::enable_shared_from_this<NakadiCommits> {
 public:
  // Called, from any thread, when the stream of that number is of no use any
  // more, and why.
  using Lost = std::function<void(uint64_t stream, const absl::Status& why)>;

  // `area` is the source's in the log. `clock` must outlive it, and with it all
  // receipts.
  NakadiCommits(nakadi::Committer::Options options, bool commit_incomplete,
                std::string area, const weir::Clock& clock);

  NakadiCommits(const NakadiCommits&) = delete;
  NakadiCommits& operator=(const NakadiCommits&) = delete;

  // Empty: nobody is told any more; once it returns, none is being told.
  void OnLost(Lost lost) ABSL_LOCKS_EXCLUDED(mu_);

  // Hands out a receipt for a batch of stream number `stream`. Call it in the
  // order of the stream.
  Receipt HandOut(uint64_t stream, std::vector<nakadi::HandedOut> ends);

  // Waits until handlers are done with all that was handed out and it is
  // committed, as far as it can be, or until none of it gets on for `patience`.
  //
  // A stream that is opened sooner sends, behind what waits in the handlers'
  // queues, the same again; and while those work off what nobody can commit any
  // more, the commit timeout of the new stream runs out, and so on for ever.
  //
  // Returns false once interrupted.
  bool Drain(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_);

  // As in ReplayProgress: what is lost then, because queues are thrown away, is
  // not committed. Drain returns.
  void SetInterrupted(bool interrupted) ABSL_LOCKS_EXCLUDED(mu_);

  // Batches that somebody still has.
  uint64_t open_batches() const ABSL_LOCKS_EXCLUDED(mu_);

  const nakadi::Clock& clock() const { return clock_; }
  nakadi::Committer& committer() { return committer_; }
  const nakadi::Committer& committer() const { return committer_; }

  // When a commit was accepted last; InfinitePast before the first.
  absl::Time last_commit() const {
    const int64_t ns = last_commit_ns_;
    return ns == 0 ? absl::InfinitePast() : absl::FromUnixNanos(ns);
  }

 private:
  // The clock as lib/nakadi wants it.
  class NakadiClock final : public nakadi::Clock {
   public:
    explicit NakadiClock(const weir::Clock& clock) : clock_(clock) {}
    int64_t MonotonicNs() const override { return clock_.MonotonicNs(); }

   private:
    const weir::Clock& clock_;
  };

  void Complete(uint64_t stream, uint64_t batch, Outcome outcome)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(uint64_t stream, const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  void Settled() ABSL_LOCKS_EXCLUDED(mu_);

  const NakadiClock clock_;
  const bool commit_incomplete_;
  const std::string area_;
  std::atomic<bool> interrupted_{false};
  std::atomic<int64_t> last_commit_ns_{0};
  mutable Mutex mu_;
  CondVar told_;
  uint64_t open_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t steps_ ABSL_GUARDED_BY(mu_) = 0;  // Completions and settlements.
  Lost lost_ ABSL_GUARDED_BY(mu_);
  nakadi::Committer committer_;  // Last: its thread uses all the others.
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NAKADI_COMMITS_H_
