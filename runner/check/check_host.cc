#include "runner/check/check_host.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/pipeline/event.h"
#include "host/plugin/child_event.h"
#include "host/plugin/event_check.h"
#include "runner/check/allocation_faults.h"

namespace weir {
namespace {

// More kinds than any plugin has, as PluginInstance has it.
constexpr uint32_t kMaxEventTypes = 1024;

// What a later host may have behind the table; nothing that a plugin may use.
constexpr uint64_t kTail = 0xa5a5a5a5a5a5a5a5;

// 2026-01-01, and as good as any other.
constexpr int64_t kNow = 1'767'225'600'000'000'000;

CheckHost& Self(void* ctx) { return *static_cast<CheckHost*>(ctx); }

}  // namespace

CheckHost::CheckHost(CheckHostOptions options)
    : options_(std::move(options)),
      memory_((sizeof(weir_host) + options_.extra_bytes + 7) / 8, kTail) {
  const weir_host table = {
      static_cast<uint32_t>(sizeof(weir_host)) + options_.extra_bytes,
      WEIR_ABI_MAJOR,
      WEIR_ABI_MINOR,
      this,
      &GetExt,
      &Log,
      &NowNs};
  std::memcpy(memory_.data(), &table, sizeof(table));
}

void CheckHost::Declare(Subject& subject, void* self) {
  const auto* const describe = static_cast<const weir_ext_describe*>(
      subject.GetExt(self, WEIR_EXT_DESCRIBE));
  if (describe == nullptr ||
      describe->struct_size < sizeof(weir_ext_describe) ||
      describe->n_event_types > kMaxEventTypes) {
    return;
  }
  std::vector<std::string> kinds;
  for (uint32_t i = 0; i < describe->n_event_types; ++i) {
    const weir_str& kind = describe->event_types[i];
    kinds.emplace_back(kind.data, kind.len);
  }
  MutexLock lock(&mu_);
  kinds_ = std::move(kinds);
}

std::vector<std::string> CheckHost::said() const {
  MutexLock lock(&mu_);
  return said_;
}

std::vector<std::string> CheckHost::refused() const {
  MutexLock lock(&mu_);
  return refused_;
}

uint64_t CheckHost::emits() const {
  MutexLock lock(&mu_);
  return emits_;
}

const void* CheckHost::GetExt(void* ctx, const char* id) {
  const AllocationFaults::Pause pause;
  static constexpr weir_ext_emit kEmit = {sizeof(weir_ext_emit),
                                          kMaxPluginEventBytes, &Emit};
  static constexpr weir_ext_names kNames = {sizeof(weir_ext_names), 0,
                                            &TypeName, &SourceName};
  if (id == nullptr || !Self(ctx).options_.has_extensions) return nullptr;
  if (std::strcmp(id, WEIR_EXT_EMIT) == 0) return &kEmit;
  if (std::strcmp(id, WEIR_EXT_NAMES) == 0) return &kNames;
  return nullptr;
}

// The last byte is read, so that a length gone wrong is found here.
void CheckHost::Log(void*, int32_t, const char* text, uint64_t len) {
  if (text == nullptr || len == 0) return;
  volatile char last = text[len - 1];
  (void)last;
}

int64_t CheckHost::NowNs(void* ctx) {
  const AllocationFaults::Pause pause;
  CheckHost& self = Self(ctx);
  if (!self.options_.clock) return kNow;
  uint64_t n = 0;
  {
    MutexLock lock(&self.mu_);
    n = self.clock_reads_++;
  }
  return self.options_.clock(n);
}

weir_str CheckHost::TypeName(void*, uint16_t id) {
  if (id >= std::size(kCheckTypes)) return {"", 0};
  return {kCheckTypes[id].data(), kCheckTypes[id].size()};
}

weir_str CheckHost::SourceName(void*, uint32_t id) {
  static constexpr absl::string_view kSource = "ris-live";
  if (id != 0) return {"", 0};
  return {kSource.data(), kSource.size()};
}

weir_status CheckHost::Emit(void* ctx, const weir_event* event) {
  const AllocationFaults::Pause pause;
  CheckHost& self = Self(ctx);
  if (event != nullptr) return self.Take(*event);
  MutexLock lock(&self.mu_);
  return self.RefuseLocked("it is null", WEIR_INVALID);
}

weir_status CheckHost::Take(const weir_event& event) {
  const absl::StatusOr<Event> copy = CopyPluginEvent(event);
  MutexLock lock(&mu_);
  const uint64_t n = emits_++;
  if (!copy.ok()) {
    return RefuseLocked(std::string(copy.status().message()), WEIR_INVALID);
  }
  if (kinds_.has_value() &&
      std::find(kinds_->begin(), kinds_->end(), copy->type) == kinds_->end()) {
    return RefuseLocked(
        absl::StrCat("kind: \"", copy->type, "\" is not declared"),
        WEIR_UNSUPPORTED);
  }
  if (!IsJson(copy->json)) {
    return RefuseLocked(absl::StrCat("json of ", copy->type, ": is not JSON"),
                        WEIR_INVALID);
  }
  if (options_.answer_emit) {
    const weir_status answer = options_.answer_emit(n);
    if (answer != WEIR_OK) return answer;
  }
  if (said_.size() < kMaxKept) said_.push_back(EncodeChildEvent(event));
  return WEIR_OK;
}

weir_status CheckHost::RefuseLocked(std::string why, weir_status status) {
  if (refused_.size() < kMaxKept &&
      std::find(refused_.begin(), refused_.end(), why) == refused_.end()) {
    refused_.push_back(std::move(why));
  }
  return status;
}

}  // namespace weir
