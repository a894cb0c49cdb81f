#ifndef WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_
#define WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/crash_page.h"
#include "host/plugin/in_process_services.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_instance.h"
#include "host/plugin/process_watch.h"
#include "weir/plugin_abi.h"

namespace weir {

// A plugin in this process, as dispatch drives it. A C++ exception is caught
// and counted; what else a plugin can do to its process, it can do to ours, so
// this is for code that is trusted like the host itself.
//
// Threads: as Handler.
class InProcessHandler final : public Handler {
 public:
  // `table` is the plugin's, checked by CopyPluginTable. `code` is what its
  // functions lie in; it and `services` are held until the handler is gone.
  // `config_json` is one JSON object, for the plugin to understand. `limits` is
  // what the plugin is told that its calls may take, and `data_dir` the path of
  // its own directory; empty: it has none. After `max_consecutive_errors`, if
  // that is not 0, the instance is destroyed, and HandleMessages says that it
  // is not alive. `tag` is what a crash page is told if the code takes this
  // process down.
  InProcessHandler(const weir_plugin& table, std::shared_ptr<const void> code,
                   std::shared_ptr<PluginHostServices> services,
                   std::string config_json, const CallLimits& limits = {},
                   std::string data_dir = "",
                   uint32_t max_consecutive_errors = 0,
                   const PluginTag& tag = PluginTag("", "", 0));

  // Returns FailedPrecondition with what the plugin said. Holds the plugin to
  // the kinds of event that it declares.
  absl::Status Create() override;
  int64_t QueueCapacity() override;
  bool WantsMessage(absl::string_view type) override;
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>& errors) override;
  absl::Status Reconfigure(absl::string_view config_json) override;
  absl::Duration TickInterval() override;
  bool Tick() override;
  absl::Duration LookInterval() override;
  bool Look() override;
  bool HasCompanions() const override { return instance_.hears_of_processes(); }
  void Rest() override;
  void TellLosses(const Losses& losses) override;
  bool HasState() const override { return instance_.has_state(); }
  absl::StatusOr<std::string> SaveState() override {
    return instance_.SaveState();
  }
  absl::Status LoadState(absl::string_view state) override {
    return instance_.LoadState(state);
  }
  void TellRedelivery() override { redelivered_ = true; }
  void Destroy() override;
  void AskToStop(bool stop) override;

  // What the plugin says of how it does.
  InstanceHealth::Report health() const { return lent_.health().Get(); }

  // [any-thread] So many consecutive errors ended it, at
  // max_consecutive_errors; 0: they have not.
  uint32_t gave_up_after() const { return gave_up_after_.load(); }

 private:
  bool Ask(absl::string_view type);
  void End();

  const std::shared_ptr<const void> code_;
  const std::shared_ptr<PluginHostServices> services_;
  const std::string config_json_;
  InProcessServices lent_;
  PluginInstance instance_;
  ProcessWatch processes_;
  const uint32_t max_consecutive_errors_;  // 0: any number.
  const PluginTag tag_;
  std::atomic<uint32_t> gave_up_after_{0};
  bool redelivered_ = false;
  weir_msg first_ = {};                 // Of a run, if it is redelivered.
  std::vector<const weir_msg*> views_;  // Of the messages in hand.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_
