#ifndef WEIR_HOST_PLUGIN_CHILD_HANDLER_H_
#define WEIR_HOST_PLUGIN_CHILD_HANDLER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/control/sandbox_profile.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/shared_arena.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_death.h"
#include "host/plugin/child_process.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/child_voice.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_metrics.h"
#include "host/plugin/process_watch.h"
#include "host/sync/mutex.h"

namespace weir {

// The defaults are those of weir.v1.PluginSettings.
struct ChildHandlerOptions {
  std::string runner;              // The path of weir-plugin-runner.
  std::string module;              // Of the private copy of the plugin's file.
  std::string name;                // Of the slot, for messages: "counts".
  std::string config_json = "{}";  // One JSON object, of at most 1 MiB.
  // The child's address space, beside what it shares with the host. 0: no
  // limit.
  uint64_t memory_limit_bytes = uint64_t{512} << 20;
  SandboxProfile sandbox = SandboxProfile::kStrict;
  std::string data_dir;  // Absolute, and there; empty: it has none.
  // So many end the instance, in order; 0: any number.
  uint32_t max_consecutive_errors = 0;
  // Events that may wait between the plugin and the broker.
  uint32_t emit_ring_events = 16'384;
  // Of `services`, so that the plugin is told, too, when it is over it.
  uint32_t emit_limit_per_second = 20'000;
  absl::Duration create_deadline = absl::Seconds(10);
  // What the plugin is told of its messages; whoever drives it enforces them.
  absl::Duration soft_deadline = absl::Seconds(1);
  absl::Duration hard_deadline = absl::Seconds(10);
  absl::Duration ask_deadline = absl::Seconds(1);  // Capacity; each type.
  absl::Duration reconfigure_deadline = absl::Seconds(5);
  absl::Duration destroy_deadline = absl::Seconds(5);
  absl::Duration state_deadline = absl::Seconds(5);  // To save, and to load.
};

// A plugin in a process of its own, as dispatch drives it. Whatever the plugin
// does to that process, it costs this host one message.
//
// Runs of messages are handed over where they lie, and the slot's worker waits
// until the child has dealt with them; so there is one queue, that of the slot,
// and what is not done at a crash never left it. See child_channel.h for how
// the two talk, and docs/decisions/0004-runs-are-lent-to-children.md for why.
//
// Believes nothing that the child says: a word that cannot be ends the child as
// corrupt, and the last good one counts.
//
// Threads: as Handler; what is not of Handler may be called from any thread.
class ChildHandler final : public Handler, private ChildListener {
 public:
  // Starts nothing yet. `arena` is where messages may lie; null: nowhere, and
  // each is copied. All references must outlive the handler.
  ChildHandler(ChildHandlerOptions options, ChildSupervisor& supervisor,
               const SharedArena* arena,
               std::shared_ptr<PluginHostServices> services,
               const NameTable& types, const NameTable& sources);

  // Kills the child if it is still there, and waits for its end.
  ~ChildHandler() override;

  // Returns FailedPrecondition with what the plugin said; InvalidArgument as
  // SharedObject::Open does (load.dlopen, elf.exports, abi.*), or for a
  // configuration that is too large; Unavailable if the runner cannot be
  // started; DeadlineExceeded after create_deadline; and Aborted, with the
  // cause, if the child died. Then no child is left. Holds the plugin to the
  // kinds of event that it declares.
  absl::Status Create() override;
  // A child that dies or does not answer in time has the capacity 0.
  int64_t QueueCapacity() override;
  // Such a child wants nothing. So does one that is asked for a type longer
  // than a channel takes, 1 MiB.
  bool WantsMessage(absl::string_view type) override;
  // `done` follows the child at least every kLookEvery. A plugin with a batch
  // loop that keeps no count is given the rest of its batch again, if it died
  // in it: nobody knows how far it was.
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>& errors) override;
  // One that does not answer in time is killed.
  absl::Status Reconfigure(absl::string_view config_json) override;
  absl::Duration TickInterval() override { return tick_interval_; }
  bool Tick() override;
  absl::Duration LookInterval() override;
  bool Look() override;
  bool HasCompanions() const override { return hears_of_processes_; }
  void Rest() override;
  void TellLosses(const Losses& losses) override;
  bool HasState() const override { return has_state_; }
  // A child that does not answer within state_deadline is killed.
  absl::StatusOr<std::string> SaveState() override;
  absl::Status LoadState(absl::string_view state) override;
  void TellRedelivery() override { redelivered_ = true; }
  // A child that does not end within destroy_deadline is killed.
  void Destroy() override;
  void AskToStop(bool stop) override;
  // Lets the child report where it is, and ends it 200 ms later. Returns false
  // if there is none.
  bool Kill(absl::string_view cause) override ABSL_LOCKS_EXCLUDED(mu_);

  // The child's; 0: there is none, or it has ended.
  pid_t pid() const ABSL_LOCKS_EXCLUDED(mu_);

  // How it ended, if it ended otherwise than by Destroy or by our destructor;
  // also after max_consecutive_errors, with `gave_up`.
  // Complete, with the message, once HandleMessages returned.
  std::optional<ChildDeath> death() const ABSL_LOCKS_EXCLUDED(mu_);

  // What the plugin says of how it does.
  InstanceHealth::Report health() const;

  // What it costs; also after its end.
  ChildUsage usage() const ABSL_LOCKS_EXCLUDED(mu_);

  // Often enough for a watchdog of tenths of seconds, and for a plugin's log to
  // be live; seldom enough to cost nothing.
  static constexpr absl::Duration kLookEvery = absl::Milliseconds(10);

 private:
  // The begin of a run that is with the child, and how far it is.
  struct Lent {
    uint32_t before = 0;  // Messages of the run that were done earlier.
    uint32_t count = 0;
    uint32_t head = 0;  // The last good one that was seen.
    std::atomic<uint32_t>* done = nullptr;
    std::atomic<uint32_t>* errors = nullptr;
    absl::Span<const Message* const> messages;  // From the first lent on.
  };

  // ChildListener, on the supervisor's thread.
  void OnNotify() override;
  void OnOutput(absl::string_view text) override;
  void OnEnd(int wait_status, const ChildUsage& usage) override
      ABSL_LOCKS_EXCLUDED(mu_);

  absl::Status StartChild() ABSL_LOCKS_EXCLUDED(mu_);
  void LendStorage(ChildChannel& channel);
  absl::Status ReadCreated();
  bool AskForType(absl::string_view type);
  std::optional<weir_status> TellProcess(const ProcessChange& change,
                                         absl::Duration deadline);
  absl::Status AskForState(ChildCommand command, uint32_t count);
  absl::Status WhyNoAnswer() const ABSL_LOCKS_EXCLUDED(mu_);
  void EndChild() ABSL_LOCKS_EXCLUDED(mu_);
  bool AwaitEnd(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  void KillAsCorrupt();

  // Asks and waits for the answer. Returns false if the child died; one that
  // does not answer before `deadline` is killed. Looks after `lent` meanwhile.
  bool Ask(ChildCommand command, uint32_t count, absl::Duration deadline,
           Lent* lent = nullptr);
  bool AwaitAnswer(absl::Duration timeout, absl::string_view if_late,
                   Lent* lent);
  void SendNames();
  void Look(Lent& lent);
  bool GivesUp() const {
    return options_.max_consecutive_errors > 0 &&
           streak_ >= options_.max_consecutive_errors;
  }
  RunOutcome GiveUp() ABSL_LOCKS_EXCLUDED(mu_);
  bool LostOne(const Lent& lent) const;

  void Drain();

  const ChildHandlerOptions options_;
  ChildSupervisor& supervisor_;
  const SharedArena* const arena_;
  const std::shared_ptr<PluginHostServices> services_;
  const NameTable& types_;
  const NameTable& sources_;

  // Made by Create, before the child starts.
  std::optional<ChildChannelMemory> channel_;
  std::optional<ChildVoice> voice_;
  std::optional<PluginMetrics::Attachment> metrics_;
  OwnedFd notify_;

  // [worker]
  ProcessWatch processes_;
  uint32_t turn_ = 0;
  uint32_t last_turn_ = 0;  // The one before; answered.
  uint32_t max_run_ = ChildChannel::kMaxRun;
  uint32_t streak_ = 0;  // Consecutive errors, as Look saw them.
  bool redelivered_ = false;
  uint32_t n_types_ = 0;
  uint32_t n_sources_ = 0;
  absl::Duration tick_interval_;
  bool hears_of_processes_ = false;
  bool has_state_ = false;

  std::atomic<bool> ended_{true};  // There is no child; with release.
  std::atomic<bool> corrupt_{false};

  mutable Mutex mu_;
  CondVar end_;
  pid_t pid_ ABSL_GUARDED_BY(mu_) = 0;
  bool expected_ ABSL_GUARDED_BY(mu_) = false;   // To end with status 0.
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;  // To end in any way.
  std::string kill_cause_ ABSL_GUARDED_BY(mu_);
  std::optional<ChildDeath> death_ ABSL_GUARDED_BY(mu_);
  ChildUsage usage_ ABSL_GUARDED_BY(mu_);  // After its end.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_HANDLER_H_
