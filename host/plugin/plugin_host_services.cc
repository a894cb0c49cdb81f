#include "host/plugin/plugin_host_services.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/plugin/event_check.h"

namespace weir {

namespace {

// Longer lines are cut: a log is read by people.
constexpr size_t kMaxLineBytes = 8 * 1024;

constexpr const char* kRejectionNames[] = {"full", "rate", "undeclared_type",
                                           "too_large", "invalid"};

PluginHostServices& Self(void* ctx) {
  return *static_cast<PluginHostServices*>(ctx);
}

weir_str ToStr(absl::string_view text) { return {text.data(), text.size()}; }

Severity ToSeverity(int32_t severity) {
  const int32_t tens = std::clamp(severity / 10, 1, 6);
  return static_cast<Severity>(tens * 10);
}

}  // namespace

PluginHostServices::PluginHostServices(PluginHostOptions options,
                                       EventSink& sink, const NameTable& types,
                                       const NameTable& sources,
                                       const Clock& clock)
    : options_(std::move(options)),
      id_(absl::StripPrefix(options_.name, "plugins/")),
      sink_(sink),
      types_(types),
      sources_(sources),
      clock_(clock),
      table_{sizeof(weir_host), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, this,
             &GetExt,           &Log,           &NowNs},
      metrics_(id_),
      emit_limit_(options_.emit_limit_per_second),
      log_limit_(options_.log_limit_per_second),
      emit_bucket_(options_.emit_limit_per_second,
                   options_.emit_limit_per_second, clock.MonotonicNs()),
      log_bucket_(options_.log_limit_per_second,
                  10 * options_.log_limit_per_second, clock.MonotonicNs()) {}

void PluginHostServices::FlushKeyValues() {
  if (options_.key_values == nullptr) return;
  const KeyValueStore::Counts counts = options_.key_values->counts(id_);
  if (counts.changes + counts.refused == 0) return;  // It keeps nothing.
  const absl::Status flushed =
      options_.key_values->FlushAndWait(id_, absl::Seconds(5));
  if (flushed.ok()) return;
  options_.write_log(
      Severity::kError, options_.name,
      absl::StrCat("not all that it keeps is kept: ", flushed.message()));
}

void PluginHostServices::Declare(std::vector<std::string> kinds) {
  MutexLock lock(&mu_);
  declares_ = true;
  kinds_ = std::move(kinds);
}

void PluginHostServices::SetLimits(uint32_t emit_limit_per_second,
                                   uint32_t log_limit_per_second) {
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  if (std::exchange(emit_limit_, emit_limit_per_second) !=
      emit_limit_per_second) {
    emit_bucket_ =
        TokenBucket(emit_limit_per_second, emit_limit_per_second, now_ns);
  }
  if (std::exchange(log_limit_, log_limit_per_second) != log_limit_per_second) {
    log_bucket_ =
        TokenBucket(log_limit_per_second, 10 * log_limit_per_second, now_ns);
  }
}

void PluginHostServices::SetSources(std::vector<std::string> sources) {
  MutexLock lock(&mu_);
  only_sources_ = std::move(sources);
}

bool PluginHostServices::TakesFrom(absl::string_view source) const {
  MutexLock lock(&mu_);
  return only_sources_.empty() ||
         std::find(only_sources_.begin(), only_sources_.end(), source) !=
             only_sources_.end();
}

std::vector<std::string> PluginHostServices::declared() const {
  MutexLock lock(&mu_);
  return kinds_;
}

PluginHostServices::Counts PluginHostServices::counts() const {
  MutexLock lock(&mu_);
  Counts counts = {.emitted = emitted_,
                   .last_rejection_ns = last_rejection_ns_,
                   .log_lines = log_lines_,
                   .log_lines_suppressed = suppressed_,
                   .ticks = ticks_,
                   .tick_errors = tick_errors_};
  for (size_t i = 0; i < rejected_.size(); ++i) {
    counts.rejected[kRejectionNames[i]] = rejected_[i];
  }
  return counts;
}

const void* PluginHostServices::GetExt(void*, const char* id) {
  static constexpr weir_ext_emit kEmit = {sizeof(weir_ext_emit),
                                          kMaxPluginEventBytes, &Emit};
  static constexpr weir_ext_names kNames = {sizeof(weir_ext_names), 0,
                                            &TypeName, &SourceName};
  if (id == nullptr) return nullptr;
  if (std::strcmp(id, WEIR_EXT_EMIT) == 0) return &kEmit;
  if (std::strcmp(id, WEIR_EXT_NAMES) == 0) return &kNames;
  return nullptr;
}

int64_t PluginHostServices::NowNs(void* ctx) {
  return absl::ToUnixNanos(Self(ctx).clock_.Now());
}

weir_str PluginHostServices::TypeName(void* ctx, uint16_t id) {
  return ToStr(Self(ctx).types_.Name(id));
}

weir_str PluginHostServices::SourceName(void* ctx, uint32_t id) {
  return ToStr(Self(ctx).sources_.Name(id));
}

weir_status PluginHostServices::Emit(void* ctx, const weir_event* event) {
  if (event == nullptr) return Self(ctx).Reject(Rejection::kInvalid);
  return Self(ctx).TakeEvent(*event);
}

weir_status PluginHostServices::TakeEvent(const weir_event& event) {
  absl::StatusOr<Event> copy = CopyPluginEvent(event);
  if (!copy.ok()) {
    return Reject(absl::IsOutOfRange(copy.status()) ? Rejection::kTooLarge
                                                    : Rejection::kInvalid);
  }
  if (!IsDeclared(copy->type)) return Reject(Rejection::kUndeclaredType);
  // Before the dearest check: what is over the rate costs next to nothing.
  if (!TakeEmitToken()) return Reject(Rejection::kRate);
  if (!IsJson(copy->json)) return Reject(Rejection::kInvalid);
  copy->source = options_.name;
  if (const absl::Status status = sink_.Publish(*std::move(copy));
      !status.ok()) {
    return Reject(absl::IsInvalidArgument(status) ? Rejection::kInvalid
                                                  : Rejection::kFull);
  }
  MutexLock lock(&mu_);
  ++emitted_;
  return WEIR_OK;
}

void PluginHostServices::CountRejected(Rejection why, uint64_t n) {
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  rejected_[static_cast<size_t>(why)] += n;
  last_rejection_ns_ = now_ns;
}

void PluginHostServices::CountSuppressed(uint64_t n) {
  MutexLock lock(&mu_);
  suppressed_ += n;
  suppressed_since_ += n;
}

void PluginHostServices::CountTick(bool ok) {
  MutexLock lock(&mu_);
  ++ticks_;
  tick_errors_ += ok ? 0 : 1;
}

weir_status PluginHostServices::Reject(Rejection why) {
  CountRejected(why, 1);
  switch (why) {
    case Rejection::kFull:
    case Rejection::kRate:
      return WEIR_AGAIN;
    case Rejection::kUndeclaredType:
      return WEIR_UNSUPPORTED;
    case Rejection::kTooLarge:
    case Rejection::kInvalid:
      return WEIR_INVALID;
  }
  return WEIR_ERR;
}

bool PluginHostServices::IsDeclared(const std::string& kind) const {
  MutexLock lock(&mu_);
  return !declares_ ||
         std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end();
}

bool PluginHostServices::TakeEmitToken() {
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  return emit_bucket_.TryTake(now_ns);
}

void PluginHostServices::Log(void* ctx, int32_t severity, const char* text,
                             uint64_t len) {
  if (text == nullptr) len = 0;
  Self(ctx).TakeLine(
      severity,
      absl::string_view(text, std::min<uint64_t>(len, kMaxLineBytes)));
}

void PluginHostServices::TakeLine(int32_t severity, absl::string_view text) {
  const int64_t now_ns = clock_.MonotonicNs();
  uint64_t suppressed = 0;
  uint32_t log_limit = 0;
  {
    MutexLock lock(&mu_);
    if (!log_bucket_.TryTake(now_ns)) {
      ++suppressed_;
      ++suppressed_since_;
      return;
    }
    ++log_lines_;
    suppressed = std::exchange(suppressed_since_, 0);
    log_limit = log_limit_;
  }
  if (suppressed > 0) {
    options_.write_log(
        Severity::kWarning, options_.name,
        absl::StrCat("suppressed ", suppressed, " lines; the limit is ",
                     log_limit, " a second"));
  }
  options_.write_log(ToSeverity(severity), options_.name, text);
}

}  // namespace weir
