#ifndef WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_
#define WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "weir/plugin_abi.h"

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
  // Those among them that failed.
  std::atomic<uint32_t>* errors = nullptr;

  // The number of the message in the plugin's hands, counted from 1, stored
  // before the call: so it is done + 1 exactly if there is one.
  std::atomic<uint32_t>* inflight = nullptr;
  // For each message, 1 if it failed. A count instead would be one too high
  // after a crash between it and `done`.
  std::atomic<uint8_t>* failed = nullptr;
};

// A plugin's code and one instance of it, called as weir/plugin_abi.h says. No
// C++ exception gets out.
//
// Not thread-safe: all calls come from one thread, Create first.
class PluginInstance {
 public:
  // `table` was checked by CopyPluginTable. `host` must outlive the instance.
  PluginInstance(const weir_plugin& table, const weir_host* host)
      : table_(table), host_(host) {}

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

  int64_t QueueCapacity();
  bool WantsMessage(absl::string_view type);

  // Handles `views` in order and keeps `ledger`. Uses weir.batch/1 if the
  // plugin has it. A batch ends where a message fails: that one is counted, and
  // the rest go in one by one.
  void HandleMessages(absl::Span<const weir_msg* const> views,
                      const RunLedger& ledger);

  void Destroy();

 private:
  uint32_t HandleBatch(absl::Span<const weir_msg* const> views, uint32_t begin,
                       const RunLedger& ledger);
  void HandleOne(const weir_msg* view, uint32_t index, const RunLedger& ledger);
  void AskForExtensions();
  void AskForKinds();
  void AskForConfig();

  const weir_plugin table_;
  const weir_host* const host_;
  void* self_ = nullptr;
  weir_ext_batch batch_ = {};    // All zero: it has none.
  weir_ext_config config_ = {};  // The same.
  std::optional<std::vector<std::string>> declared_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_INSTANCE_H_
