#ifndef WEIR_HOST_SOURCE_SOURCE_SET_H_
#define WEIR_HOST_SOURCE_SOURCE_SET_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/source_control.h"
#include "host/control/source_stats.h"
#include "host/control/source_status.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/frame_sink.h"
#include "host/source/sleeper_factory.h"
#include "host/source/source.h"
#include "host/source/streamer.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// A source and where it flows.
struct SourceSpec {
  StreamerOptions options;
  std::unique_ptr<Source> source;
  // Must outlive the source's time in the set.
  FrameSink* sink = nullptr;
  // Sets what the decode stage counts, everything of SourceStats that is not
  // the connection's; thread-safe. May be empty.
  std::function<void(SourceStats*)> fill_stats;
  // Names the plugins that hold the source up now; thread-safe. May be empty.
  std::function<std::vector<std::string>()> blocked_by;
};

// All sources of the host, each with its Streamer and so its thread. It answers
// the operator's questions about them.
//
// Thread-safe.
class SourceSet final : public SourceControl {
 public:
  // All must outlive the SourceSet. `sleepers` is for the back-offs.
  SourceSet(EventSink& events, const Clock& clock, SleeperFactory sleepers);
  ~SourceSet() override;  // Stops.

  // Adds a source; it begins at once if the set was started.
  //
  // Returns AlreadyExists if there is one of that id, and FailedPrecondition
  // after Stop.
  absl::Status Add(SourceSpec spec) ABSL_LOCKS_EXCLUDED(mu_);

  // Stops a source and takes it out. Blocks until its sink is left alone.
  // Returns NotFound / SOURCE_NOT_FOUND if there is none.
  absl::Status Remove(absl::string_view name) ABSL_LOCKS_EXCLUDED(mu_);

  // Begins all sources. Does nothing the second time, and nothing after Stop.
  void Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Stops all of them, at the same time, and waits until no sink is called any
  // more. Any number of times. The sources can still be asked.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Looks for staleness and lag. Call it about once a second.
  void CheckHealth() ABSL_LOCKS_EXCLUDED(mu_);

  // Writes one log line for each source, with the numbers of Stats. Call it
  // every `logging.stats_interval`, 10 s.
  void LogStats() const ABSL_LOCKS_EXCLUDED(mu_);

  // See Streamer::ReportUpstreamError. Does nothing for a name it does not
  // know.
  void ReportUpstreamError(absl::string_view name, absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<SourceStatus> List() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<SourceStats> Stats() const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SourceStatus> Pause(absl::string_view name,
                                     absl::string_view reason) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SourceStatus> Resume(absl::string_view name,
                                      absl::string_view reason) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SourceStatus> Reconnect(absl::string_view name,
                                         bool reset_backoff,
                                         absl::string_view reason) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Member;

  std::shared_ptr<Member> Find(absl::string_view name) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::shared_ptr<Member>> Members() const ABSL_LOCKS_EXCLUDED(mu_);

  EventSink& events_;
  const Clock& clock_;
  const SleeperFactory sleepers_;

  mutable Mutex mu_;
  // By name. Shared with whoever asks a source something while it is removed.
  std::map<std::string, std::shared_ptr<Member>, std::less<>> members_
      ABSL_GUARDED_BY(mu_);
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_SOURCE_SET_H_
