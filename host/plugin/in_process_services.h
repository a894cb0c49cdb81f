#ifndef WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_
#define WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/pipeline/message.h"
#include "host/plugin/host_words.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/instance_nodes.h"
#include "host/plugin/instance_services.h"
#include "host/plugin/metric_page.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_metrics.h"
#include "host/plugin/sent_replies.h"
#include "weir/plugin_abi.h"

namespace weir {

// What one instance in this process is lent: its own services, and those of its
// slot, which outlives it. The counterpart of RunnerServices. Thread-safe.
class InProcessServices final : public InstanceServices {
 public:
  // `data_dir` is the plugin's own directory; empty: it has none.
  InProcessServices(std::shared_ptr<PluginHostServices> slot,
                    const CallLimits& limits, std::string data_dir);
  virtual ~InProcessServices() = default;

  // What the plugin's `create` is given.
  const weir_host* table() const { return &table_; }

  HostWords& words() { return words_; }
  InstanceNodes& nodes() { return nodes_; }
  const InstanceHealth& health() const { return health_; }

  // [worker] The plugin gets `messages`, as `views`, and may answer them.
  void BeginRun(absl::Span<const Message* const> messages,
                absl::Span<const weir_msg* const> views) {
    messages_ = messages;
    SetRun(views);
  }
  // [worker] It has returned. Waits until its answers are on the disk.
  void EndRun() {
    SetRun({});
    messages_ = {};
    replies_.AwaitKept();
  }

 private:
  InProcessServices(std::shared_ptr<PluginHostServices> slot,
                    const CallLimits& limits, std::string data_dir,
                    std::unique_ptr<MetricPage> metrics);

  static const void* GetExt(void* ctx, const char* id);
  static void Log(void* ctx, int32_t severity, const char* text, uint64_t len);
  static int64_t NowNs(void* ctx);
  static weir_status Emit(void* ctx, const weir_event* event);
  static weir_str TypeName(void* ctx, uint16_t id);
  static weir_str SourceName(void* ctx, uint32_t id);

  weir_status KvGet(absl::string_view key, void* to, uint64_t cap,
                    uint64_t* len) override;
  weir_status KvPut(absl::string_view key,
                    std::optional<absl::string_view> value) override;
  weir_status KvFlush() override;
  weir_status ReportHealth(int32_t health, absl::string_view text) override;
  weir_status SendReply(size_t index, absl::string_view data,
                        absl::string_view file_suffix) override;
  weir_status CallNode(const NodeCall& call, std::string* answer) override;

  const std::shared_ptr<PluginHostServices> slot_;
  HostWords words_ = {};
  const std::unique_ptr<MetricPage> metrics_;
  const PluginMetrics::Attachment attached_;
  InstanceHealth health_;
  InstanceNodes nodes_;
  absl::Span<const Message* const> messages_;  // [worker]
  SentReplies replies_;                        // [worker]
  const weir_host table_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_
