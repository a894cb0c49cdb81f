#ifndef WEIR_LIB_NAKADI_COMMITTER_H_
#define WEIR_LIB_NAKADI_COMMITTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/commit_ledger.h"
#include "lib/nakadi/http_transfer.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

// Commits what is done, on a thread of its own: one call at a time, with the
// newest contiguous cursor of each partition, all partitions of a stream in one
// call. What becomes done during a call goes along in the next one, so at one
// event a batch a call covers as many events as its own time let pass.
//
// Batches belong to the stream that delivered them. What is done after its
// stream ended is still committed with that stream's id, for as long as the
// server accepts it, and dropped when it does not:
//
//   answer                           then
//   204, 200                         committed; 200 with "outdated" is counted
//   422 "Session with stream id"     the stream is dead: drop all of it
//   422 else, several partitions     each in a call of its own
//   422 else                         the partition is another's: drop its part
//   401                              again, with the token as it is by then
//   429, 5xx, no answer              again, 100 ms to 1 s, max_elapsed long;
//                                    then every second, up to the deadline
//   400, 403, 404                    the stream is dead
//
// Thread-safe.
class Committer {
 public:
  // What it has seen. A value.
  struct Counts {
    uint64_t calls = 0;           // Answered or not.
    uint64_t committed = 0;       // Calls that were accepted, 200 and 204.
    uint64_t outdated = 0;        // Of which 200: had been committed before.
    uint64_t cursors = 0;         // In accepted calls.
    uint64_t rejected = 0;        // 422.
    uint64_t errors = 0;          // Calls that were not accepted, 422 included.
    uint64_t events = 0;          // Committed.
    uint64_t dropped_events = 0;  // Done, but their stream was dead by then.
  };

  struct Options {
    ClientOptions client;
    std::string subscription_id;
    CommitStrategy strategy;
    uint32_t window = 10;  // max_uncommitted_events of the stream.
    absl::Duration commit_timeout = absl::Seconds(60);
  };

  // What it tells; each may be empty. Called by its thread, without locks; must
  // not call back.
  struct Hooks {
    // After each call that was not accepted, with the wait before the next;
    // zero if there is none.
    std::function<void(const absl::Status&, absl::Duration)> error;
    std::function<void()> ok;  // After each call that was.
    // Nothing of a stream that has not ended can be committed any more: open
    // another.
    std::function<void(uint64_t stream, const absl::Status&)> lost;
    // Whenever it has settled what it was at: ready_events() may be less.
    std::function<void()> settled;
  };

  // `clock` must outlive it.
  Committer(Options options, Hooks hooks, const Clock& clock);
  // Stops, with no time left.
  ~Committer();

  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Also that of a subscription that was found only later.
  void SetSubscription(std::string id) ABSL_LOCKS_EXCLUDED(mu_);

  // Begins a stream; the one before it has ended. `stream` is a number of the
  // caller's that was not used before.
  void BeginStream(uint64_t stream) ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing more will be handed out. What is open may still be done.
  void EndStream(uint64_t stream) ABSL_LOCKS_EXCLUDED(mu_);

  // As in CommitLedger.
  uint64_t HandOut(uint64_t stream, std::vector<HandedOut> ends)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Done(uint64_t stream, uint64_t batch) ABSL_LOCKS_EXCLUDED(mu_);

  // Commits `cursor` and waits for what becomes of it. Several threads that do
  // so at once share calls. Returns the error that an unaccepted call met, and
  // Cancelled after Stop.
  absl::Status CommitNow(const Cursor& cursor) ABSL_LOCKS_EXCLUDED(mu_);

  // Commits what is ready, whatever the strategy says, for at most `budget`,
  // and ends the thread. What is done later is not committed. Once.
  void Stop(absl::Duration budget) ABSL_LOCKS_EXCLUDED(mu_);

  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);
  // Of the stream that began last: handed out and not committed.
  uint64_t window_use() const ABSL_LOCKS_EXCLUDED(mu_);
  // For how long something of it is uncommitted without a commit; zero: not.
  absl::Duration oldest_uncommitted() const ABSL_LOCKS_EXCLUDED(mu_);
  // Done, and neither committed nor given up: of all streams.
  uint64_t ready_events() const ABSL_LOCKS_EXCLUDED(mu_);
  // The last commits of all streams, "type/partition" to offset.
  std::map<std::string, std::string> committed() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Stream {
    CommitLedger ledger;
    bool ended = false;
    bool dead = false;
    int64_t ended_ns = 0;
    int64_t not_before_ns = 0;  // After a call that was given up.
  };
  struct Wanted {  // By CommitNow.
    Cursor cursor;
    bool done = false;
    absl::Status status;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // When to commit of `stream`; InfiniteFuture-like maximum if never.
  int64_t DueNs(const Stream& stream) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int64_t DeadlineNs(const Stream& stream) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CommitStream(uint64_t stream) ABSL_LOCKS_EXCLUDED(mu_);
  void CommitWanted() ABSL_LOCKS_EXCLUDED(mu_);
  // Commits `cursors`, all of one stream, with retries until `deadline_ns`.
  absl::Status Commit(const std::vector<Cursor>& cursors, int64_t deadline_ns)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CallOnce(const std::vector<Cursor>& cursors,
                        absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  void Settle(uint64_t stream, const Cursor& cursor, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Returns whether the stream was lost by it.
  bool SettleOne(uint64_t stream, const Cursor& cursor,
                 const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const Hooks hooks_;
  const Clock& clock_;
  HttpTransfer transfer_;
  uint64_t calls_made_ = 0;  // The thread's own; for flow ids.

  mutable client::Mutex mu_;
  client::CondVar told_;
  std::string subscription_id_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, Stream> streams_ ABSL_GUARDED_BY(mu_);
  uint64_t newest_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Wanted*> wanted_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> committed_ ABSL_GUARDED_BY(mu_);
  Counts counts_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int64_t stop_by_ns_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_COMMITTER_H_
