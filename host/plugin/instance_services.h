#ifndef WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
#define WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/host_words.h"
#include "host/plugin/metric_declarations.h"
#include "host/plugin/metric_page.h"
#include "host/sync/clock.h"
#include "weir/plugin_services.h"

namespace weir {

// The host side of weir/plugin_services.h for one instance, the same in both
// isolation modes; what is the slot's, such as weir.emit/1, is elsewhere.
//
// Whoever lends the extensions derives from this and gives the plugin a `ctx`
// that points to it. Thread-safe, as far as plugin_services.h says so.
class InstanceServices {
 public:
  // All that is referred to must outlive it.
  InstanceServices(const CallLimits& limits, const HostWords& words,
                   MetricPage& metrics, const Clock& clock)
      : words_(words), watch_(limits, words.stop, clock), metrics_(metrics) {}

  InstanceServices(const InstanceServices&) = delete;
  InstanceServices& operator=(const InstanceServices&) = delete;

  CallWatch& watch() { return watch_; }

  // The plugin's `create` has returned.
  void EndCreate() { metrics_.Freeze(); }

 protected:
  // What may be kept under one key, and in all; from KeyValueOptions.
  struct KeyValueLimits {
    uint32_t max_key_bytes = 0;
    uint64_t max_value_bytes = 0;  // 0: nothing can be kept at all.
    uint64_t max_total_bytes = 0;
  };

  ~InstanceServices() = default;

  // Before the plugin is created.
  void SetKeyValueLimits(const KeyValueLimits& limits);
  void SetDataDir(std::string path) { data_dir_ = std::move(path); }

  // weir.kv/1 and weir.health/1, where the two modes differ. Arguments are
  // within their bounds; a put of nullopt is an erase.
  virtual weir_status KvGet(absl::string_view key, void* to, uint64_t cap,
                            uint64_t* len) = 0;
  virtual weir_status KvPut(absl::string_view key,
                            std::optional<absl::string_view> value) = 0;
  virtual weir_status KvFlush() = 0;
  virtual weir_status ReportHealth(int32_t health, absl::string_view text) = 0;

  // What `ctx` of the plugin's weir_host has to be.
  void* ctx() { return this; }

  // The table of the extension `id`; null if it is none of these.
  const void* FindExt(const char* id);

 private:
  static int64_t TimeLeftNs(void* ctx);
  static int32_t ShouldStop(void* ctx);
  static int32_t IsWorker(void* ctx);
  static void ReadLosses(void* ctx, weir_losses* out);
  static weir_status Declare(void* ctx, const weir_metric* metric,
                             uint64_t** cells);
  static weir_status Get(void* ctx, weir_str key, void* to, uint64_t cap,
                         uint64_t* len);
  static weir_status Put(void* ctx, weir_str key, weir_str value);
  static weir_status Erase(void* ctx, weir_str key);
  static weir_status Flush(void* ctx);
  static weir_status Report(void* ctx, int32_t health, weir_str text);
  static weir_str DataDir(void* ctx);

  bool IsKey(weir_str key) const;

  const HostWords& words_;
  CallWatch watch_;
  MetricDeclarations metrics_;
  weir_ext_kv kv_ = {};  // With max_value_bytes 0: there is none.
  std::string data_dir_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
