#ifndef WEIR_HOST_SOURCE_NAKADI_SOURCE_H_
#define WEIR_HOST_SOURCE_NAKADI_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/nakadi_commits.h"
#include "host/source/source.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "lib/nakadi/backoff.h"
#include "lib/nakadi/batch.h"
#include "lib/nakadi/event_stream.h"
#include "lib/nakadi/options.h"
#include "lib/nakadi/subscriptions.h"

namespace weir {

struct NakadiOptions {
  std::string id;  // Of the source, for the log.
  nakadi::ClientOptions client;
  // One of the two: a subscription that is there, or what it is made or found
  // by at each connect.
  std::string subscription_id;
  nakadi::SubscriptionSpec subscription;
  nakadi::StreamParameters stream;
  nakadi::CommitStrategy strategy;
  // Whether batches of which a handler lost messages are committed.
  bool commit_incomplete = true;
  // How long what is handled at the end is still committed.
  absl::Duration stop_budget = absl::Milliseconds(500);
};

// A subscription of a Nakadi server. A frame is a line of the stream that has
// events; keep-alives are counted here. What handlers are done with is
// committed, so a restart goes on behind it and nothing is lost; what was sent
// and not committed, at most the window, comes again.
//
//   answer to an opening     error
//   401                      auth, try again: the token is read anew
//   409                      http_status, try again after 1 s to 30 s: standby
//   403                      auth, final
//   400, 404, 412, 422       http_status, final
//   all others               http_status, try again; Retry-After counts
//
// The end of a stream that the server ended is "end_of_stream", with its
// reason; a connection that broke in the middle is "connection_lost". Before
// another is opened, what handlers have of the last one is waited for and
// committed: a stream never begins behind a queue of what the one before left.
//
// As for threads, see Source. Receipts may outlive it.
class NakadiSource final : public Source {
 public:
  // `clock` must outlive the source and its receipts, and must be a real one.
  NakadiSource(NakadiOptions options, const Clock& clock);
  ~NakadiSource() override;

  absl::Status Connect() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Read(FrameBatch* batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What came of one partition.
  struct Partition {
    std::string type, partition, last_offset;
    uint64_t events = 0;
    nakadi::HandedOut end;  // Of the batch that is being read.
  };

  // Takes one line. Returns whether it has events.
  absl::StatusOr<bool> TakeLine(absl::string_view line);
  Partition& PartitionOf(const nakadi::BatchLine& line);
  // The stream is over: makes of `status` what the streamer understands.
  absl::Status End(const absl::Status& status, bool opening)
      ABSL_LOCKS_EXCLUDED(mu_);
  void EndStream();
  void SetPhase(absl::string_view phase) ABSL_LOCKS_EXCLUDED(mu_);
  void Abandon(uint64_t stream, const absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mu_);

  const NakadiOptions options_;
  const weir::Clock& clock_;
  const std::string area_;
  const Description description_;
  const std::shared_ptr<NakadiCommits> commits_;
  nakadi::HttpTransfer calls_;
  nakadi::EventStream stream_;

  // Of the thread that connects and reads.
  nakadi::BatchReader reader_;
  nakadi::BatchLine line_;
  nakadi::StandbyDelay standby_;
  std::vector<absl::string_view> lines_;
  absl::Status next_end_;  // To be returned by the next Read.
  bool open_ = false;
  bool drain_ = false;  // There was a stream since the last draining.
  // Their strings are not changed once they are in it, but for last_offset.
  std::vector<std::unique_ptr<Partition>> partitions_;

  std::atomic<bool> interrupted_{false};
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint64_t> line_count_{0}, keep_alives_{0}, events_{0},
      suspected_{0};
  mutable Mutex mu_;
  absl::Status abandoned_ ABSL_GUARDED_BY(mu_);  // Not OK: reconnect.
  // What GetProgress shows.
  std::map<std::string, uint64_t> ends_ ABSL_GUARDED_BY(mu_);
  std::string phase_ ABSL_GUARDED_BY(mu_) = "closed";
  std::string subscription_id_ ABSL_GUARDED_BY(mu_);
  std::string stream_id_ ABSL_GUARDED_BY(mu_);
  std::string flow_id_ ABSL_GUARDED_BY(mu_);
  std::string info_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> delivered_ ABSL_GUARDED_BY(mu_);
  absl::Time last_line_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time last_event_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NAKADI_SOURCE_H_
