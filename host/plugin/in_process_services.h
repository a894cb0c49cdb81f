#ifndef WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_
#define WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_

#include <cstdint>
#include <memory>

#include "host/plugin/host_words.h"
#include "host/plugin/instance_services.h"
#include "host/plugin/plugin_host_services.h"
#include "weir/plugin_abi.h"

namespace weir {

// What one instance in this process is lent: its own services, and those of its
// slot, which outlives it. The counterpart of RunnerServices. Thread-safe.
class InProcessServices final : public InstanceServices {
 public:
  InProcessServices(std::shared_ptr<PluginHostServices> slot,
                    const CallLimits& limits);

  // What the plugin's `create` is given.
  const weir_host* table() const { return &table_; }

  HostWords& words() { return words_; }

 private:
  static const void* GetExt(void* ctx, const char* id);
  static void Log(void* ctx, int32_t severity, const char* text, uint64_t len);
  static int64_t NowNs(void* ctx);
  static weir_status Emit(void* ctx, const weir_event* event);
  static weir_str TypeName(void* ctx, uint16_t id);
  static weir_str SourceName(void* ctx, uint32_t id);

  const std::shared_ptr<PluginHostServices> slot_;
  HostWords words_ = {};
  const weir_host table_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_IN_PROCESS_SERVICES_H_
