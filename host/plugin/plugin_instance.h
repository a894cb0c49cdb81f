#ifndef WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_
#define WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/node_call.h"
#include "weir/plugin_abi.h"
#include "weir/plugin_services.h"

namespace weir {

// Where an instance writes down how far it is with a run of messages, for
// somebody who may read it in the middle, or after a crash. All words are 0 at
// the begin. Either `errors` is there or the two that a child has instead.
struct RunLedger {
  // `inflight` while a batch of the plugin's own is in its hands: the message
  // after those done, and nobody knows what of those behind it.
  static constexpr uint32_t kWholeBatch = UINT32_MAX;

  // Messages that are finished: the one word that commits. Stored with release,
  // after all that belongs to the message.
  std::atomic<uint32_t>& done;
  // The run ends at so many consecutive errors, those of earlier runs included;
  // 0: at none.
  uint32_t max_streak = 0;
  // Those among them that failed.
  std::atomic<uint32_t>* errors = nullptr;

  // The number of the message in the plugin's hands, counted from 1, stored
  // before the call: so it is done + 1 exactly if there is one.
  std::atomic<uint32_t>* inflight = nullptr;
  // For each message, 1 if it failed. A count instead would be one too high
  // after a crash between it and `done`.
  std::atomic<uint8_t>* failed = nullptr;
  // Called with the number of each that failed, from 0, before it is done.
  const std::function<void(uint32_t)>* on_error = nullptr;
};

// A plugin's code and one instance of it, called as weir/plugin_abi.h says. No
// C++ exception gets out.
//
// Not thread-safe: all calls come from one thread, Create first.
class PluginInstance {
 public:
  // A tick is not called more often than this.
  static constexpr int64_t kMinTickNs = 10'000'000;

  // `table` was checked by CopyPluginTable. `host` and `watch`, which is told
  // of each call, must outlive the instance.
  PluginInstance(const weir_plugin& table, const weir_host* host,
                 CallWatch& watch)
      : table_(table), host_(host), watch_(watch) {}

  PluginInstance(const PluginInstance&) = delete;
  PluginInstance& operator=(const PluginInstance&) = delete;

  // Makes the instance of a configuration of one JSON object. Returns
  // FailedPrecondition with what the plugin said; no other call follows then.
  absl::Status Create(absl::string_view config_json);

  // The kinds of event that it declares, if it has weir.describe/1. After
  // Create.
  const std::optional<std::vector<std::string>>& declared() const {
    return declared_;
  }

  // The most messages it takes at once; 0: it takes them one by one. After
  // Create.
  uint32_t max_batch() const { return batch_.max_batch; }

  // Whether it has a `reconfigure`. After Create.
  bool can_reconfigure() const { return config_.reconfigure != nullptr; }

  // Gives it another configuration, one JSON object. On an error it goes on
  // with the one that it had: FailedPrecondition with what the plugin said, or
  // Unimplemented if it takes this one only at its creation.
  absl::Status Reconfigure(absl::string_view config_json);

  // From one tick to the next, kMinTickNs at least; 0: it has none. After
  // Create.
  int64_t tick_interval_ns() const { return tick_interval_ns_; }

  // Whether it has weir.process/1. After Create.
  bool hears_of_processes() const { return process_.started != nullptr; }
  // Tells it of one that began or ended. Returns what it says to that.
  weir_status TellProcess(const ProcessChange& change);

  int64_t QueueCapacity();
  bool WantsMessage(absl::string_view type);

  // Handles `views` in order and keeps `ledger`. Uses weir.batch/1 if the
  // plugin has it, unless it wants to know the time of each. A batch ends where
  // a message fails: that one is counted, and the rest go in one by one.
  void HandleMessages(absl::Span<const weir_msg* const> views,
                      const RunLedger& ledger);

  // Returns whether it came to its end without an error.
  bool Tick();

  // The most that an instance may hand over.
  static constexpr size_t kMaxStateBytes = size_t{64} << 20;

  // Whether it has weir.state/1. After Create.
  bool has_state() const { return state_.save != nullptr; }
  // Returns FailedPrecondition with what the plugin said, or if it is more than
  // kMaxStateBytes.
  absl::StatusOr<std::string> SaveState();
  absl::Status LoadState(absl::string_view state);
  // Consecutive errors, up to now.
  uint32_t error_streak() const { return streak_; }

  void Destroy();

 private:
  // A call of the plugin, for as long as the object lives.
  class Call {
   public:
    Call(CallWatch& watch, int64_t hard_ns) : Call(watch, hard_ns, hard_ns) {}
    Call(CallWatch& watch, int64_t soft_ns, int64_t hard_ns) : watch_(watch) {
      watch_.Begin(soft_ns, hard_ns);
    }
    ~Call() { watch_.End(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CallWatch& watch_;
  };

  uint32_t HandleBatch(absl::Span<const weir_msg* const> views, uint32_t begin,
                       const RunLedger& ledger);
  void HandleOne(const weir_msg* view, uint32_t index, const RunLedger& ledger);
  void Finish(const RunLedger& ledger, uint32_t index, bool ok);
  bool GivesUp(const RunLedger& ledger) const {
    return ledger.max_streak > 0 && streak_ >= ledger.max_streak;
  }
  void AskForExtensions();
  void AskForKinds();
  void AskForConfig();
  void AskForTimer();
  void AskForState();
  void AskForProcess();

  const weir_plugin table_;
  const weir_host* const host_;
  CallWatch& watch_;
  void* self_ = nullptr;
  uint32_t streak_ = 0;
  weir_ext_batch batch_ = {};    // All zero: it has none.
  weir_ext_config config_ = {};  // The same.
  weir_ext_state state_ = {};
  weir_ext_timer timer_ = {};  // The same.
  weir_ext_process process_ = {};
  int64_t tick_interval_ns_ = 0;
  std::optional<std::vector<std::string>> declared_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_
