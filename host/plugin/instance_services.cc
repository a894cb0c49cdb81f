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
  static constexpr weir_ext_metrics kMetrics = {
      sizeof(weir_ext_metrics), MetricPage::kMaxSeries, &Declare};
  static constexpr weir_ext_health kHealth = {sizeof(weir_ext_health), 0,
                                              &Report};
  static constexpr weir_ext_datadir kDatadir = {sizeof(weir_ext_datadir), 0,
                                                &DataDir};
  if (std::strcmp(id, WEIR_EXT_LOSSES) == 0) return &kLosses;
  if (std::strcmp(id, WEIR_EXT_METRICS) == 0) return &kMetrics;
  if (std::strcmp(id, WEIR_EXT_HEALTH) == 0) return &kHealth;
  if (std::strcmp(id, WEIR_EXT_KV) == 0 && kv_.max_value_bytes > 0) {
    return &kv_;
  }
  if (std::strcmp(id, WEIR_EXT_DATADIR) == 0 && !data_dir_.empty()) {
    return &kDatadir;
  }
  static constexpr weir_ext_reply kReply = {sizeof(weir_ext_reply), 0,
                                            kMaxReplyBytes, &Reply};
  if (std::strcmp(id, WEIR_EXT_REPLY) == 0 && takes_replies_) return &kReply;
  static constexpr weir_ext_node kNode = {
      sizeof(weir_ext_node), 0,           NodeCall::kMaxMessages,
      &DescribeNode,         &Send,       &ListProcesses,
      &StartProcess,         &StopProcess};
  if (std::strcmp(id, WEIR_EXT_NODE) == 0 && has_nodes_) return &kNode;
  return nullptr;
}

void InstanceServices::SetKeyValueLimits(const KeyValueLimits& limits) {
  kv_ = {sizeof(weir_ext_kv),
         limits.max_key_bytes,
         limits.max_value_bytes,
         limits.max_total_bytes,
         &Get,
         &Put,
         &Erase,
         &Flush};
}

weir_status InstanceServices::Declare(void* ctx, const weir_metric* metric,
                                      uint64_t** cells) {
  if (metric == nullptr || cells == nullptr) return WEIR_INVALID;
  return Self(ctx).metrics_.Declare(*metric, cells);
}

bool InstanceServices::IsKey(weir_str key) const {
  return key.data != nullptr && key.len > 0 && key.len <= kv_.max_key_bytes;
}

weir_status InstanceServices::Get(void* ctx, weir_str key, void* to,
                                  uint64_t cap, uint64_t* len) {
  if (!Self(ctx).IsKey(key) || len == nullptr || (to == nullptr && cap > 0)) {
    return WEIR_INVALID;
  }
  *len = 0;
  return Self(ctx).KvGet({key.data, key.len}, to, cap, len);
}

weir_status InstanceServices::Put(void* ctx, weir_str key, weir_str value) {
  InstanceServices& self = Self(ctx);
  if (!self.IsKey(key) || value.len > self.kv_.max_value_bytes ||
      (value.data == nullptr && value.len > 0)) {
    return WEIR_INVALID;
  }
  return self.KvPut({key.data, key.len},
                    absl::string_view(value.data, value.len));
}

weir_status InstanceServices::Erase(void* ctx, weir_str key) {
  if (!Self(ctx).IsKey(key)) return WEIR_INVALID;
  return Self(ctx).KvPut({key.data, key.len}, std::nullopt);
}

weir_status InstanceServices::Flush(void* ctx) { return Self(ctx).KvFlush(); }

weir_status InstanceServices::Report(void* ctx, int32_t health, weir_str text) {
  constexpr size_t kMaxText = 256;
  if (health < WEIR_HEALTH_OK || health > WEIR_HEALTH_DEGRADED ||
      text.len > kMaxText || (text.data == nullptr && text.len > 0)) {
    return WEIR_INVALID;
  }
  return Self(ctx).ReportHealth(health, {text.data, text.len});
}

weir_str InstanceServices::DataDir(void* ctx) {
  const std::string& path = Self(ctx).data_dir_;
  return {path.data(), path.size()};
}

// The message is found by its number: the plugin may hold a copy of it.
weir_status InstanceServices::Reply(void* ctx, const weir_msg* message,
                                    const weir_reply* reply) {
  InstanceServices& self = Self(ctx);
  if (message == nullptr || reply == nullptr ||
      !WEIR_HAS(reply, weir_reply, file_suffix) ||
      reply->data.len > kMaxReplyBytes ||
      reply->file_suffix.len > kMaxReplySuffixBytes ||
      (reply->data.data == nullptr && reply->data.len > 0) ||
      (reply->file_suffix.data == nullptr && reply->file_suffix.len > 0)) {
    return WEIR_INVALID;
  }
  if (!self.watch_.IsWorker()) return WEIR_ERR;
  for (size_t i = 0; i < self.run_.size(); ++i) {
    if (self.run_[i]->seq != message->seq) continue;
    return self.SendReply(i, {reply->data.data, reply->data.len},
                          {reply->file_suffix.data, reply->file_suffix.len});
  }
  return WEIR_NOT_FOUND;
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
