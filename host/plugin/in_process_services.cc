#include "host/plugin/in_process_services.h"

#include <cstring>
#include <utility>

#include "host/plugin/event_check.h"

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
                                     const CallLimits& limits)
    : InstanceServices(limits, words_, slot->clock()),
      slot_(std::move(slot)),
      table_{sizeof(weir_host), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, ctx(),
             &GetExt,           &Log,           &NowNs} {}

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
