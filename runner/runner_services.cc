#include "runner/runner_services.h"

#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
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
    : InstanceServices(channel.limits, channel.words, channel.metrics, Clock()),
      channel_(channel),
      notify_fd_(notify_fd),
      table_{sizeof(weir_host), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, ctx(),
             &GetExt,           &Log,           &NowNs},
      ring_(channel.ring, channel.emit_ring_events),
      emit_bucket_(channel.emit_limit_per_second, channel.emit_limit_per_second,
                   Ns(CLOCK_MONOTONIC)) {
  SetDataDir(channel.data_dir);
  SetTakesReplies(channel.takes_replies != 0);
  SetHasNodes(channel.has_nodes != 0);
  SetKeyValueLimits({.max_key_bytes = channel.max_key_bytes,
                     .max_value_bytes = channel.max_value_bytes,
                     .max_total_bytes = channel.max_total_bytes});
}

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

// A ring that is full is emptied within moments, once the host knows.
bool RunnerServices::PushPatiently(ChildRecord kind, const std::string& body) {
  constexpr int kTries = 100;
  constexpr timespec kMillisecond = {0, 1'000'000};
  for (int i = 0; i < kTries; ++i) {
    if (Push(kind, body)) return true;
    eventfd_write(notify_fd_, 1);
    nanosleep(&kMillisecond, nullptr);
  }
  return false;
}

weir_status RunnerServices::Ask(ChildQuestion::Kind kind, absl::string_view key,
                                void* to, uint64_t cap, uint64_t* len,
                                std::string* value) {
  // A flush takes the host 5 s at most; then it is of no use to wait.
  constexpr int64_t kPatienceNs = 6'000'000'000;
  ChildQuestion& question = channel_.question;
  MutexLock lock(&question_mu_);
  question.kind = kind;
  question.key_bytes = static_cast<uint32_t>(key.size());
  if (!key.empty()) std::memcpy(question.key, key.data(), key.size());
  const uint32_t number = question.asked.load() + 1;
  question.asked.store(number);
  eventfd_write(notify_fd_, 1);
  const int64_t begin_ns = Ns(CLOCK_MONOTONIC);
  while (true) {
    const uint32_t answered = question.answered.load();
    if (answered == number) break;
    const int64_t left_ns = kPatienceNs - (Ns(CLOCK_MONOTONIC) - begin_ns);
    if (left_ns <= 0) return WEIR_ERR;
    FutexWait(question.answered, answered, absl::Nanoseconds(left_ns));
  }
  if (value != nullptr) value->assign(question.value, question.value_bytes);
  if (len == nullptr || question.status != WEIR_OK) return question.status;
  *len = question.value_bytes;
  std::memcpy(to, question.value, std::min(cap, *len));
  return WEIR_OK;
}

weir_status RunnerServices::KvGet(absl::string_view key, void* to, uint64_t cap,
                                  uint64_t* len) {
  return Ask(ChildQuestion::kGet, key, to, cap, len);
}

weir_status RunnerServices::KvPut(absl::string_view key,
                                  std::optional<absl::string_view> value) {
  std::string body;
  if (value.has_value()) {
    const auto size = static_cast<uint32_t>(key.size());
    body.assign(reinterpret_cast<const char*>(&size), sizeof(size));
  }
  body.append(key.data(), key.size());
  if (value.has_value()) body.append(value->data(), value->size());
  if (PushPatiently(value.has_value() ? ChildRecord::kPut : ChildRecord::kErase,
                    body)) {
    return WEIR_OK;
  }
  put_refused_.store(true);
  return WEIR_AGAIN;
}

weir_status RunnerServices::KvFlush() {
  const bool refused = put_refused_.exchange(false);
  const weir_status status =
      Ask(ChildQuestion::kFlush, "", nullptr, 0, nullptr);
  return status == WEIR_OK && refused ? WEIR_AGAIN : status;
}

// The host says what became of it, which it alone knows; and so it has it
// before the message is done.
weir_status RunnerServices::SendReply(size_t index, absl::string_view data,
                                      absl::string_view file_suffix) {
  const uint32_t head[] = {static_cast<uint32_t>(index),
                           static_cast<uint32_t>(file_suffix.size())};
  std::string body(reinterpret_cast<const char*>(head), sizeof(head));
  body.reserve(body.size() + file_suffix.size() + data.size());
  body.append(file_suffix.data(), file_suffix.size());
  body.append(data.data(), data.size());
  if (!PushPatiently(ChildRecord::kReply, body)) return WEIR_AGAIN;
  return Ask(ChildQuestion::kReply, "", nullptr, 0, nullptr);
}

// As an answer: the host says what became of it.
weir_status RunnerServices::CallNode(const NodeCall& call,
                                     std::string* answer) {
  MutexLock lock(&node_mu_);
  if (!PushPatiently(ChildRecord::kNode, EncodeNodeCall(call))) {
    return WEIR_AGAIN;
  }
  return Ask(ChildQuestion::kNode, "", nullptr, 0, nullptr, answer);
}

weir_status RunnerServices::ReportHealth(int32_t health,
                                         absl::string_view text) {
  std::string body(reinterpret_cast<const char*>(&health), sizeof(health));
  body.append(text.data(), text.size());
  return Push(ChildRecord::kHealth, body) ? WEIR_OK : WEIR_AGAIN;
}

}  // namespace weir
