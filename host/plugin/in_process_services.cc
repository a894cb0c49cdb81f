#include "host/plugin/in_process_services.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/plugin/event_check.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/weir_status.h"
#include "host/status/json_text.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

InProcessServices& Self(void* ctx) {
  return *static_cast<InProcessServices*>(static_cast<InstanceServices*>(ctx));
}

template <typename Ext>
const Ext* Find(const weir_host* host, const char* id) {
  return static_cast<const Ext*>(host->get_ext(host->ctx, id));
}

}  // namespace

InProcessServices::InProcessServices(std::shared_ptr<PluginHostServices> slot,
                                     const CallLimits& limits,
                                     std::string data_dir)
    : InProcessServices(std::move(slot), limits, std::move(data_dir),
                        std::make_unique<MetricPage>()) {}

InProcessServices::InProcessServices(std::shared_ptr<PluginHostServices> slot,
                                     const CallLimits& limits,
                                     std::string data_dir,
                                     std::unique_ptr<MetricPage> metrics)
    : InstanceServices(limits, words_, *metrics, slot->clock()),
      slot_(std::move(slot)),
      metrics_(std::move(metrics)),
      attached_(slot_->metrics(), *metrics_),
      nodes_(slot_),
      replies_(slot_->replies()),
      table_{sizeof(weir_host), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, ctx(),
             &GetExt,           &Log,           &NowNs} {
  SetDataDir(std::move(data_dir));
  SetTakesReplies(slot_->replies() != nullptr);
  SetHasNodes(slot_->nodes() != nullptr);
  if (slot_->key_values() == nullptr) return;
  const KeyValueOptions& options = slot_->key_values()->options();
  SetKeyValueLimits(
      {.max_key_bytes = static_cast<uint32_t>(options.max_key_bytes),
       .max_value_bytes = options.max_value_bytes,
       .max_total_bytes = options.max_plugin_bytes});
}

weir_status InProcessServices::KvGet(absl::string_view key, void* to,
                                     uint64_t cap, uint64_t* len) {
  const auto value = slot_->key_values()->Get(slot_->id(), key);
  if (!value.ok()) return ToWeirStatus(value.status());
  if (!value->has_value()) return WEIR_NOT_FOUND;
  *len = (*value)->size();
  std::memcpy(to, (*value)->data(), std::min<uint64_t>(cap, *len));
  return WEIR_OK;
}

weir_status InProcessServices::KvPut(absl::string_view key,
                                     std::optional<absl::string_view> value) {
  KeyValueStore& store = *slot_->key_values();
  return ToWeirStatus(value.has_value() ? store.Put(slot_->id(), key, *value)
                                        : store.Delete(slot_->id(), key));
}

weir_status InProcessServices::KvFlush() {
  return ToWeirStatus(
      slot_->key_values()->FlushAndWait(slot_->id(), absl::Seconds(5)));
}

weir_status InProcessServices::ReportHealth(int32_t health,
                                            absl::string_view text) {
  health_.Set(
      {.degraded = health == WEIR_HEALTH_DEGRADED, .text = ToUtf8(text)});
  return WEIR_OK;
}

weir_status InProcessServices::SendReply(size_t index, absl::string_view data,
                                         absl::string_view file_suffix) {
  return replies_.Send(*messages_[index], data, file_suffix);
}

weir_status InProcessServices::CallNode(const NodeCall& call,
                                        std::string* answer) {
  // Shared with an outbox that answers after we have given up.
  struct Awaited {
    Mutex mu;
    CondVar changed;
    std::optional<weir_status> status ABSL_GUARDED_BY(mu);
    std::string answer ABSL_GUARDED_BY(mu);
  };
  const auto awaited = std::make_shared<Awaited>();
  nodes_.Make(call, [awaited](weir_status status, absl::string_view text) {
    MutexLock lock(&awaited->mu);
    awaited->status = status;
    awaited->answer = std::string(text);
    awaited->changed.NotifyAll();
  });
  const absl::Time end = absl::Now() + absl::Seconds(5);
  MutexLock lock(&awaited->mu);
  while (!awaited->status.has_value()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) {
      *answer = "the disk has not said in time whether it has them";
      return WEIR_ERR;
    }
    awaited->changed.WaitFor(&awaited->mu, left);
  }
  *answer = std::move(awaited->answer);
  return *awaited->status;
}

const void* InProcessServices::GetExt(void* ctx, const char* id) {
  static constexpr weir_ext_emit kEmit = {sizeof(weir_ext_emit),
                                          kMaxPluginEventBytes, &Emit};
  static constexpr weir_ext_names kNames = {sizeof(weir_ext_names), 0,
                                            &TypeName, &SourceName};
  if (id == nullptr) return nullptr;
  if (std::strcmp(id, WEIR_EXT_EMIT) == 0) return &kEmit;
  if (std::strcmp(id, WEIR_EXT_NAMES) == 0) return &kNames;
  return Self(ctx).FindExt(id);
}

void InProcessServices::Log(void* ctx, int32_t severity, const char* text,
                            uint64_t len) {
  const weir_host* const host = Self(ctx).slot_->table();
  host->log(host->ctx, severity, text, len);
}

int64_t InProcessServices::NowNs(void* ctx) {
  const weir_host* const host = Self(ctx).slot_->table();
  return host->now_ns(host->ctx);
}

weir_status InProcessServices::Emit(void* ctx, const weir_event* event) {
  const weir_host* const host = Self(ctx).slot_->table();
  return Find<weir_ext_emit>(host, WEIR_EXT_EMIT)->emit(host->ctx, event);
}

weir_str InProcessServices::TypeName(void* ctx, uint16_t id) {
  const weir_host* const host = Self(ctx).slot_->table();
  return Find<weir_ext_names>(host, WEIR_EXT_NAMES)->type(host->ctx, id);
}

weir_str InProcessServices::SourceName(void* ctx, uint32_t id) {
  const weir_host* const host = Self(ctx).slot_->table();
  return Find<weir_ext_names>(host, WEIR_EXT_NAMES)->source(host->ctx, id);
}

}  // namespace weir
