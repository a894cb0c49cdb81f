#ifndef WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_
#define WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/message.h"
#include "host/plugin/plugin_host_services.h"
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
  // `config_json` is one JSON object, for the plugin to understand.
  InProcessHandler(const weir_plugin& table, std::shared_ptr<const void> code,
                   std::shared_ptr<PluginHostServices> services,
                   std::string config_json);

  // Returns FailedPrecondition with what the plugin said. Holds the plugin to
  // the kinds of event that it declares.
  absl::Status Create() override;
  int64_t QueueCapacity() override;
  bool WantsMessage(absl::string_view type) override;
  // Uses weir.batch/1 if the plugin has it. A batch ends where a message fails:
  // that one is counted, and the rest go in one by one.
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>& errors) override;
  void Destroy() override;

 private:
  // Hands over messages[begin, end) as one batch. Returns how many of them were
  // dealt with; the one after them failed, if that is not all.
  uint32_t HandleBatch(uint32_t begin, uint32_t end,
                       std::atomic<uint32_t>& done);
  void HandleOne(uint32_t index, std::atomic<uint32_t>& done,
                 std::atomic<uint32_t>& errors);
  void AskForExtensions();

  const weir_plugin table_;
  const std::shared_ptr<const void> code_;
  const std::shared_ptr<PluginHostServices> services_;
  const std::string config_json_;
  void* self_ = nullptr;
  weir_ext_batch batch_ = {};           // All zero: it has none.
  std::vector<const weir_msg*> views_;  // Of the messages in hand.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_IN_PROCESS_HANDLER_H_
