#ifndef WEIR_HOST_PLUGIN_PLUGIN_MACHINE_H_
#define WEIR_HOST_PLUGIN_PLUGIN_MACHINE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/control/poison_message.h"
#include "host/control/steward_nodes.h"
#include "host/control/steward_outboxes.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/reply_sink.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/folder_plan.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/poison_keeper.h"
#include "host/plugin/restart_policy.h"
#include "host/plugin/slot_settings.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// What the slots of a host share. All of it must outlive them.
struct PluginSurroundings {
  HandlerRegistry& registry;
  InstanceMaker& maker;
  EventSink& sink;
  const NameTable& types;
  const NameTable& sources;
  const Clock& clock;
  std::function<void(Severity, absl::string_view area, absl::string_view text)>
      write_log;
  // Keeps a slot's desired state over a restart of the host.
  std::function<absl::Status(absl::string_view id, const DesiredState&)> keep;
  // Forgets it, with the slot.
  std::function<void(absl::string_view id)> forget;
  PoisonKeeper* poisons = nullptr;      // Null: what they die of is not kept.
  KeyValueStore* key_values = nullptr;  // Null: plugins keep nothing.
  // What settings are; null: an operator can set none.
  const SlotSettings* settings = nullptr;
  ReplySink* replies = nullptr;  // Null: plugins answer nothing.
  // Null: there are no nodes for plugins to ask.
  StewardNodes* nodes = nullptr;
  StewardOutboxes* outboxes = nullptr;
};

// The states of one plugin's slot, and what leads from one to another:
//
//   DISCOVERED --> LOADING --> RUNNING <--> PAUSED
//       |            |  ^        |   \ DRAINING --> STOPPED
//       v            v  |back-off|
//    INVALID       FAILED <------+ crash, hang
//                    | too many
//                    v
//               QUARANTINED --> STOPPED, by an operator
//
// Each transition is an event, weir.plugin.state, and a line in the log. An
// exchange of code keeps the state: the new instance is made ready, gets the
// turn when the old one has finished its message, and the queue stays.
//
// A plugin that dies is started again, the first time at once; see
// RestartPolicy. One that *says* that it cannot be created is not: the same
// configuration would get the same answer.
//
// Configuration and settings come from the files, and what an operator has set
// is over it until the files say something else. Each that was accepted is a
// numbered revision. What changes is given to the live instance if it takes it
// there, else to a new one, which gets the turn as in an exchange of code.
//
// Not thread-safe, and calls block for as long as the plugin takes, up to its
// deadlines; status and stats alone may be called from any thread, and never
// wait.
class PluginMachine {
 public:
  // A condition that tells of the last so many seconds holds that long.
  static constexpr absl::Duration kRecent = absl::Seconds(10);

  // `on_gone` is called from another thread when the instance of a generation
  // has died: InstanceGone has to be called for it.
  PluginMachine(PluginSlotSpec spec, const PluginSurroundings& surroundings,
                std::function<void(uint64_t generation)> on_gone);
  ~PluginMachine();  // Ends what runs, without waiting for its queue.

  PluginMachine(const PluginMachine&) = delete;
  PluginMachine& operator=(const PluginMachine&) = delete;

  // Loads it, if nothing stands against it.
  void Begin(const DesiredState& desired);

  // See PluginControl::Do. `fresh` is the slot's spec as the configuration and
  // the folders have it now, for what loads a file; null: as it was.
  absl::StatusOr<PluginOutcome> Do(const PluginOperation& operation,
                                   const PluginSlotSpec* fresh = nullptr);

  // Does what the plugin folder asks for; see FolderAction. `spec` is the
  // slot's by what lies in the folder now.
  void Follow(const FolderAction& action, PluginSlotSpec spec);

  // The instance of `generation` died, and is started again, rolled back or
  // quarantined. Does nothing for one that was ended meanwhile.
  void InstanceGone(uint64_t generation);

  // When Due has something to do; InfiniteFuture: never.
  absl::Time next_due() const { return std::min(restart_at_, probation_end_); }
  void Due();

  // Looks whether the plugin hangs, has died idle, or has passed its probation.
  // To be called every 250 ms or so.
  void Watch();

  // Lets it finish what is queued, up to its drain timeout and to `drain`, and
  // ends it.
  void End(absl::Duration drain = absl::InfiniteDuration());

  PluginStatus status() const ABSL_LOCKS_EXCLUDED(mu_);
  PluginStats stats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Running {
    MadeInstance made;
    uint64_t instance = 0;  // The slot's number of it.
    uint64_t generation = 0;
    PluginSlotSpec spec;
    absl::Time since = absl::InfinitePast();
  };

  absl::Status CheckAllowed(const PluginOperation& operation) const;
  absl::StatusOr<PluginSlotSpec> Wanted(const PluginOperation& operation,
                                        const PluginSlotSpec* fresh,
                                        absl::string_view sha256) const;
  absl::StatusOr<PluginOutcome> WouldBe(const PluginOperation& operation,
                                        const PluginSlotSpec& spec) const;
  void EndDemotion(const PluginOperation& operation);
  absl::StatusOr<PluginOutcome> Unload(const PluginOperation& operation);
  absl::StatusOr<PluginOutcome> Exchange(const PluginOperation& operation,
                                         PluginSlotSpec spec,
                                         absl::string_view sha256);
  absl::StatusOr<PluginOutcome> Rollback(const PluginOperation& operation);
  absl::StatusOr<PluginOutcome> Configure(const PluginOperation& operation);
  absl::StatusOr<PluginOutcome> ChangeTo(const PluginOperation& operation,
                                         PluginSlotSpec spec);
  PluginSlotSpec Overruled(PluginSlotSpec spec) const;
  absl::StatusOr<PluginSlotSpec> Changed(
      PluginSlotSpec spec, const PluginOperation& operation) const;
  absl::Status CheckFirst(const PluginOperation& operation,
                          const PluginSlotSpec& spec, absl::string_view sha256,
                          PluginStatus* would_be) const;
  absl::Status Reconfigure(const std::string& config_json,
                           absl::Duration patience);
  absl::Status HangsOverConfig();
  void ApplyOptions() ABSL_LOCKS_EXCLUDED(mu_);
  void Record(const std::string& actor) ABSL_LOCKS_EXCLUDED(mu_);
  void KeepAsPrevious(const std::string& sha256) ABSL_LOCKS_EXCLUDED(mu_);
  const ConfigRevision* FindRevision(uint64_t number) const;
  absl::Status Load(const std::string& reason, const std::string& actor,
                    absl::string_view sha256);
  absl::StatusOr<Running> Prepare(const PluginSlotSpec& spec,
                                  absl::string_view sha256);
  absl::Status HandOver(const Running& from, const Running& to,
                        absl::Duration patience, bool with_state);
  absl::Status TakeTurn(const Running& from, absl::Duration patience);
  void Restart();
  // `fingerprint` of the message that it died of; empty: it had none.
  void OnCrash(const std::string& cause, absl::Time started,
               const std::string& fingerprint = "", bool gave_up = false);
  std::optional<PoisonMessage> PoisonOf(const InstanceDeath& death) const;
  void KeepPoison(const std::optional<PoisonMessage>& poison)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Hang(absl::Duration busy_for);
  void TellHealth();
  uint64_t Stop(absl::Duration drain);
  void Quarantine(const std::string& reason, const std::string& actor);
  void EndCurrent();
  void EndPrevious();
  void FallBack(const std::string& reason, const std::string& actor);
  void Adopt(Running next, const std::string& actor) ABSL_LOCKS_EXCLUDED(mu_);
  void MoveTo(PluginStatus::State to, const std::string& reason,
              const std::string& actor) ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(Event event);
  void Keep();
  void AddConditions(const HandlerStats& stats, PluginStatus& status) const
      ABSL_LOCKS_EXCLUDED(mu_);

  const PluginSurroundings around_;
  const std::function<void(uint64_t)> on_gone_;
  const std::shared_ptr<PluginHostServices> services_;
  const std::shared_ptr<HandlerSlot> slot_;
  PluginSlotSpec spec_;
  RestartPolicy restarts_;
  std::optional<Running> current_;   // Has the turn.
  std::optional<Running> previous_;  // Idle, while its successor is tried.
  absl::Time restart_at_ = absl::InfiniteFuture();
  absl::Time probation_end_ = absl::InfiniteFuture();
  uint64_t probation_from_ = 0;  // Messages processed when it began.
  bool paused_ = false;
  bool hung_ = false;  // And told.
  InstanceHealth::Report told_health_;
  uint64_t killed_generation_ = 0;  // At its hard deadline; its end comes.
  uint64_t last_generation_ = 0;
  uint64_t reported_generation_ = 0;  // Whose death was told.
  DesiredState desired_;

  mutable Mutex mu_;
  PluginStatus status_ ABSL_GUARDED_BY(mu_);
  std::string why_pinned_ ABSL_GUARDED_BY(mu_);
  bool on_probation_ ABSL_GUARDED_BY(mu_) = false;
  bool rolled_back_ ABSL_GUARDED_BY(mu_) = false;
  bool file_changed_ ABSL_GUARDED_BY(mu_) = false;
  bool config_refused_ ABSL_GUARDED_BY(mu_) = false;  // The files' newest one.
  bool file_missing_ ABSL_GUARDED_BY(mu_) = false;
  double ended_cpu_seconds_ ABSL_GUARDED_BY(mu_) = 0;
  std::function<int32_t()> pid_ ABSL_GUARDED_BY(mu_);
  std::function<double()> cpu_seconds_ ABSL_GUARDED_BY(mu_);
  std::function<uint64_t()> rss_bytes_ ABSL_GUARDED_BY(mu_);
  std::function<InstanceHealth::Report()> health_ ABSL_GUARDED_BY(mu_);
  // The same of the one that waits for the end of the probation.
  std::function<double()> previous_cpu_seconds_ ABSL_GUARDED_BY(mu_);
  std::function<uint64_t()> previous_rss_bytes_ ABSL_GUARDED_BY(mu_);
  uint64_t crashes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t hangs_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time reset_time_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_MACHINE_H_
