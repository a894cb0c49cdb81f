#include "host/plugin/instance_services.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace weir {
namespace {

InstanceServices& Self(void* ctx) {
  return *static_cast<InstanceServices*>(ctx);
}

}  // namespace

const void* InstanceServices::FindExt(const char* id) {
  static constexpr weir_ext_deadline kDeadline = {sizeof(weir_ext_deadline), 0,
                                                  &TimeLeftNs, &ShouldStop};
  static constexpr weir_ext_thread kThread = {sizeof(weir_ext_thread), 0,
                                              &IsWorker};
  static constexpr weir_ext_losses kLosses = {sizeof(weir_ext_losses), 0,
                                              &ReadLosses};
  if (std::strcmp(id, WEIR_EXT_DEADLINE) == 0) {
    watch_.Use();
    return &kDeadline;
  }
  if (std::strcmp(id, WEIR_EXT_THREAD) == 0) return &kThread;
  if (std::strcmp(id, WEIR_EXT_LOSSES) == 0) return &kLosses;
  return nullptr;
}

int64_t InstanceServices::TimeLeftNs(void* ctx) {
  return Self(ctx).watch_.TimeLeftNs();
}

int32_t InstanceServices::ShouldStop(void* ctx) {
  return Self(ctx).watch_.ShouldStop() ? 1 : 0;
}

int32_t InstanceServices::IsWorker(void* ctx) {
  return Self(ctx).watch_.IsWorker() ? 1 : 0;
}

// Copies what there is room for: a plugin may be older or newer than the host.
void InstanceServices::ReadLosses(void* ctx, weir_losses* out) {
  if (out == nullptr || out->struct_size < sizeof(out->struct_size)) return;
  const HostWords& words = Self(ctx).words_;
  weir_losses losses = {};
  losses.struct_size = out->struct_size;
  losses.dropped_policy = words.dropped_policy.load();
  losses.dropped_full = words.dropped_full.load();
  losses.dropped_not_running = words.dropped_not_running.load();
  losses.dropped_quarantined = words.dropped_quarantined.load();
  losses.lost_in_crash = words.lost_in_crash.load();
  losses.discarded_on_unload = words.discarded_on_unload.load();
  std::memcpy(out, &losses,
              std::min<size_t>(losses.struct_size, sizeof(losses)));
}

}  // namespace weir
