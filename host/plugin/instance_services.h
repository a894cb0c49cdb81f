#ifndef WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
#define WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/host_words.h"
#include "host/plugin/metric_declarations.h"
#include "host/plugin/metric_page.h"
#include "host/plugin/node_call.h"
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

  // Of one answer; weir_ext_reply.max_bytes. What NATS takes by default, 1 MiB,
  // with room for what the answer says of itself and of its request.
  static constexpr uint64_t kMaxReplyBytes = uint64_t{960} << 10;
  static constexpr uint64_t kMaxReplySuffixBytes = 64;

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
  void SetTakesReplies(bool takes) { takes_replies_ = takes; }
  void SetHasNodes(bool has) { has_nodes_ = has; }

  // [worker] The messages that the plugin has in hand and may answer; none at
  // the end of a run. They must stay as long.
  void SetRun(absl::Span<const weir_msg* const> run) { run_ = run; }

  // weir.kv/1 and weir.health/1, where the two modes differ. Arguments are
  // within their bounds; a put of nullopt is an erase.
  virtual weir_status KvGet(absl::string_view key, void* to, uint64_t cap,
                            uint64_t* len) = 0;
  virtual weir_status KvPut(absl::string_view key,
                            std::optional<absl::string_view> value) = 0;
  virtual weir_status KvFlush() = 0;
  virtual weir_status ReportHealth(int32_t health, absl::string_view text) = 0;
  // weir.reply/1, to the message at `index` of the run. Both texts are within
  // their lengths; what they are is not looked at.
  virtual weir_status SendReply(size_t index, absl::string_view data,
                                absl::string_view file_suffix) = 0;

  // weir.node/1. `call` is within its lengths; what it says is not looked at.
  // Fills in `answer` as InstanceNodes::Done has it.
  virtual weir_status CallNode(const NodeCall& call, std::string* answer) = 0;

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
  static weir_status Reply(void* ctx, const weir_msg* message,
                           const weir_reply* reply);

  static weir_status DescribeNode(void* ctx, weir_str source,
                                  weir_status (*take)(void* to,
                                                      const weir_node* node),
                                  void* to);
  static weir_status Send(void* ctx, weir_str source, weir_str messages,
                          weir_err* err);
  static weir_status ListProcesses(
      void* ctx, weir_str source,
      weir_status (*take)(void* to, const weir_process* process), void* to);
  static weir_status StartProcess(void* ctx, weir_str source, weir_str method,
                                  weir_str only_sender, weir_err* err);
  static weir_status StopProcess(void* ctx, weir_str source, weir_str method,
                                 weir_err* err);
  weir_status AskNode(NodeCall::Kind kind, weir_str source, weir_str text,
                      weir_str sender, weir_err* err);

  bool IsKey(weir_str key) const;

  const HostWords& words_;
  CallWatch watch_;
  MetricDeclarations metrics_;
  weir_ext_kv kv_ = {};  // With max_value_bytes 0: there is none.
  std::string data_dir_;
  bool takes_replies_ = false;
  bool has_nodes_ = false;
  absl::Span<const weir_msg* const> run_;  // [worker]
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_SERVICES_H_
