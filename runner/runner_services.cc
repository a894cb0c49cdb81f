#include "runner/runner_services.h"

#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/pipeline/event.h"
#include "host/plugin/child_event.h"
#include "host/plugin/event_check.h"

namespace weir {
namespace {

// The numbers of PluginHostServices::Rejection.
enum Reason : size_t { kFull, kRate, kUndeclaredType, kTooLarge, kInvalid };

// As the host cuts them.
constexpr uint64_t kMaxLineBytes = 8 * 1024;

RunnerServices& Self(void* ctx) {
  return *static_cast<RunnerServices*>(static_cast<InstanceServices*>(ctx));
}

int64_t Ns(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

weir_str ToStr(const ChildChannel::Name* names,
               const std::atomic<uint32_t>& count, uint32_t id) {
  if (id >= count.load(std::memory_order_acquire)) return {"", 0};
  return {names[id].text, names[id].length};
}

}  // namespace

RunnerServices::RunnerServices(ChildChannel& channel, int notify_fd)
    : InstanceServices(channel.limits, channel.words, Clock()),
      channel_(channel),
      notify_fd_(notify_fd),
      table_{sizeof(weir_host), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, ctx(),
             &GetExt,           &Log,           &NowNs},
      ring_(channel.ring, channel.emit_ring_events),
      emit_bucket_(channel.emit_limit_per_second, channel.emit_limit_per_second,
                   Ns(CLOCK_MONOTONIC)) {}

const SystemClock& RunnerServices::Clock() {
  static const SystemClock clock;
  return clock;
}

void RunnerServices::Declare(
    const std::optional<std::vector<std::string>>& kinds) {
  MutexLock lock(&mu_);
  kinds_ = kinds;
}

const void* RunnerServices::GetExt(void* ctx, const char* id) {
  static constexpr weir_ext_emit kEmit = {sizeof(weir_ext_emit),
                                          kMaxPluginEventBytes, &Emit};
  static constexpr weir_ext_names kNames = {sizeof(weir_ext_names), 0,
                                            &TypeName, &SourceName};
  if (id == nullptr) return nullptr;
  if (std::strcmp(id, WEIR_EXT_EMIT) == 0) return &kEmit;
  if (std::strcmp(id, WEIR_EXT_NAMES) == 0) return &kNames;
  return Self(ctx).FindExt(id);
}

int64_t RunnerServices::NowNs(void*) { return Ns(CLOCK_REALTIME); }

weir_str RunnerServices::TypeName(void* ctx, uint16_t id) {
  const ChildChannel& channel = Self(ctx).channel_;
  return ToStr(channel.types, channel.n_types, id);
}

weir_str RunnerServices::SourceName(void* ctx, uint32_t id) {
  const ChildChannel& channel = Self(ctx).channel_;
  return ToStr(channel.sources, channel.n_sources, id);
}

weir_status RunnerServices::Emit(void* ctx, const weir_event* event) {
  if (event == nullptr) return Self(ctx).Reject(kInvalid, WEIR_INVALID);
  return Self(ctx).TakeEvent(*event);
}

weir_status RunnerServices::TakeEvent(const weir_event& event) {
  const absl::StatusOr<Event> copy = CopyPluginEvent(event);
  if (!copy.ok()) {
    return Reject(absl::IsOutOfRange(copy.status()) ? kTooLarge : kInvalid,
                  WEIR_INVALID);
  }
  if (!IsDeclared(copy->type)) {
    return Reject(kUndeclaredType, WEIR_UNSUPPORTED);
  }
  if (!TakeToken()) return Reject(kRate, WEIR_AGAIN);
  if (!Push(ChildRecord::kEvent, EncodeChildEvent(event))) {
    return Reject(kFull, WEIR_AGAIN);
  }
  return WEIR_OK;
}

weir_status RunnerServices::Reject(size_t reason, weir_status status) {
  channel_.rejected[reason].fetch_add(1, std::memory_order_relaxed);
  return status;
}

bool RunnerServices::IsDeclared(const std::string& kind) const {
  MutexLock lock(&mu_);
  return !kinds_.has_value() ||
         std::find(kinds_->begin(), kinds_->end(), kind) != kinds_->end();
}

bool RunnerServices::TakeToken() {
  const int64_t now_ns = Ns(CLOCK_MONOTONIC);
  MutexLock lock(&mu_);
  return emit_bucket_.TryTake(now_ns);
}

void RunnerServices::Log(void* ctx, int32_t severity, const char* text,
                         uint64_t len) {
  std::string body(reinterpret_cast<const char*>(&severity), sizeof(severity));
  if (text != nullptr) body.append(text, std::min(len, kMaxLineBytes));
  if (!Self(ctx).Push(ChildRecord::kLog, body)) {
    Self(ctx).channel_.suppressed.fetch_add(1, std::memory_order_relaxed);
  }
}

// The order of the record and of the look at busy_ is that of the worker's
// busy_ and answer the other way round, all sequentially consistent: either the
// host sees the record with the answer, or we see that it does not look.
bool RunnerServices::Push(ChildRecord kind, const std::string& body) {
  if (!ring_.Push(kind, body)) return false;
  if (!busy_.load()) eventfd_write(notify_fd_, 1);
  return true;
}

}  // namespace weir
