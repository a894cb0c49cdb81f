#ifndef WEIR_HOST_SOURCE_STEWARD_PROCESSES_H_
#define WEIR_HOST_SOURCE_STEWARD_PROCESSES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "lib/steward/profile.h"

namespace weir {

// A node as its configuration has it.
struct StewardNode {
  std::string name;
  steward::Profile profile = steward::Profile::kS1;  // Of the subjects.
  std::vector<StewardProcessSettings> processes;
  std::set<std::string> stopped;  // The methods of those that begin so.
  // Take messages that name another node or method than their subject.
  bool any_subject = false;
  // Whether there are keys by which signatures can be checked.
  bool has_keys = false;
};

// The processes of a node, as operators and plugins want them, and as the
// source that reads their subjects has them. What is wanted is changed by any
// thread and holds at once for messages; the source follows with its
// subscriptions, for which it is woken.
//
// Each time that a process begins is a run of its own: what a handler fails at
// that came in an earlier one does not end it.
//
// Thread-safe. The source, its receipts and the API share it.
class StewardProcesses final : public StewardNodeControl {
 public:
  static constexpr size_t kMaxProcesses = 1000;

  // A process for one message.
  struct Found {
    uint64_t run = 0;  // The last, if it has ended; 0: there was none.
    std::string subject;
    std::shared_ptr<const StewardProcessSettings> settings;
    std::string why_not;  // It has ended, or was stopped; else empty.
  };
  // A process that is to be subscribed.
  struct Wanted {
    uint64_t run = 0;
    std::string subject;
    bool configured = false;
  };
  struct Ended {
    std::string subject;
    std::string why;
  };

  // The methods of `node` differ. `clock` must outlive it.
  StewardProcesses(StewardNode node, const Clock& clock);

  const std::string& node() const override { return node_.name; }
  steward::Profile profile() const override { return node_.profile; }
  bool any_subject() const { return node_.any_subject; }
  std::vector<StewardProcessStatus> Processes() const override
      ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t version() const override {
    return version_.load(std::memory_order_acquire);
  }
  absl::StatusOr<StewardProcessStatus> StartConfigured(
      absl::string_view method) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<StewardProcessStatus> Start(
      const StewardProcessSettings& settings) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<StewardProcessStatus> Stop(absl::string_view method) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // Called, under a lock, when the source has something to do; not after it was
  // set to another, such as null.
  void SetWake(std::function<void()> wake) ABSL_LOCKS_EXCLUDED(mu_);

  // The process that a message is for; absent if there is none.
  std::optional<Found> FindSubject(absl::string_view subject) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Found> FindMethod(absl::string_view method) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether that run goes on.
  bool Runs(uint64_t run) const ABSL_LOCKS_EXCLUDED(mu_);
  // It takes a message.
  void Count(uint64_t run) ABSL_LOCKS_EXCLUDED(mu_);
  // A handler failed at a message of that run, which ends it. Does nothing if
  // it has ended already.
  void Fail(uint64_t run, absl::string_view why) ABSL_LOCKS_EXCLUDED(mu_);

  // For the source. Those that ended since the last call, other than by Stop.
  std::vector<Ended> TakeEnded() ABSL_LOCKS_EXCLUDED(mu_);
  // Those that are to be subscribed, or are.
  std::vector<Wanted> ToRun() const ABSL_LOCKS_EXCLUDED(mu_);
  void SetRunning(const std::vector<Wanted>& subscribed)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The server does not permit to subscribe: that ends it.
  void Refuse(absl::string_view subject) ABSL_LOCKS_EXCLUDED(mu_);
  // None is subscribed any more.
  void SetDisconnected() ABSL_LOCKS_EXCLUDED(mu_);
  // Those that ended are to begin again, by an operator's word, and are not
  // told by TakeEnded. What was stopped stays so.
  void RestartEnded() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Process {
    StewardProcessStatus status;
    uint64_t run = 0;
    std::shared_ptr<const StewardProcessSettings> settings;
  };
  using Table = std::map<std::string, Process, std::less<>>;

  absl::Status Check(const StewardProcessSettings& settings) const;
  std::optional<Found> Find(absl::string_view method) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Process& Add(const StewardProcessSettings& settings, bool configured)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Begin(Process& process) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetState(StewardProcessStatus::State state, Process& process)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void End(Process& process, absl::string_view why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const StewardNode node_;
  const Clock& clock_;
  std::atomic<uint64_t> version_{1};

  mutable Mutex mu_;
  Table processes_ ABSL_GUARDED_BY(mu_);  // By method.
  std::map<std::string, std::string, std::less<>> method_of_subject_
      ABSL_GUARDED_BY(mu_);
  // By run, of those that go on.
  std::map<uint64_t, std::string> method_of_run_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_run_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Ended> ended_ ABSL_GUARDED_BY(mu_);
  std::function<void()> wake_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_PROCESSES_H_
