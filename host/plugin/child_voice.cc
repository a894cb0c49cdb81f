#include "host/plugin/child_voice.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/plugin/child_event.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/weir_status.h"
#include "host/status/json_text.h"
#include "weir/plugin_abi.h"
#include "weir/plugin_services.h"

namespace weir {
namespace {

// Longer lines are cut; as of PluginHostServices.
constexpr size_t kMaxLineBytes = 8 * 1024;

// No record is shorter than its head and one more word; so a ring holds no more
// than this, and whoever takes that many has seen what there was.
constexpr size_t kMaxRecords = ChildRing::kBytes / 16;

}  // namespace

class ChildVoice::Answerer {
 public:
  explicit Answerer(ChildQuestion& question) : question_(&question) {}

  void Close() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    question_ = nullptr;
  }

  // A child that has not waited for the answer has asked something else since.
  void Answer(uint32_t number, weir_status status, absl::string_view value = {})
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (question_ == nullptr || question_->asked.load() != number) return;
    const size_t size = std::min(value.size(), sizeof(question_->value));
    if (size > 0) std::memcpy(question_->value, value.data(), size);
    question_->value_bytes = static_cast<uint32_t>(size);
    question_->status = status;
    question_->answered.store(number);
    FutexWakeAll(question_->answered);
  }

 private:
  Mutex mu_;
  ChildQuestion* question_ ABSL_GUARDED_BY(mu_);
};

ChildVoice::ChildVoice(ChildChannel& channel,
                       std::shared_ptr<PluginHostServices> services)
    : channel_(channel),
      services_(std::move(services)),
      answerer_(std::make_shared<Answerer>(channel.question)),
      nodes_(services_),
      ring_(channel.ring),
      replies_(services_->replies()) {}

ChildVoice::~ChildVoice() { answerer_->Close(); }

bool ChildVoice::Drain() {
  MutexLock lock(&mu_);
  // First of all: what was put before it was asked is in the ring by now. One
  // that comes later is found by the look that its own notice brings.
  const uint32_t question =
      channel_.question.asked.load(std::memory_order_acquire);
  for (size_t i = 0; i < kMaxRecords; ++i) {
    absl::StatusOr<std::optional<ChildRingReader::Record>> record =
        ring_.Take();
    if (!record.ok()) return false;
    if (!record->has_value()) break;
    if (!PassOn(**std::move(record))) return false;
  }
  CountRejected();
  return question == last_question_ || AnswerQuestion(question);
}

bool ChildVoice::AnswerQuestion(uint32_t number) {
  ChildQuestion& question = channel_.question;
  const auto kind = *static_cast<volatile uint32_t*>(&question.kind);
  const auto size = *static_cast<volatile uint32_t*>(&question.key_bytes);
  if (kind == ChildQuestion::kReply) {
    last_question_ = number;
    answerer_->Answer(number, std::exchange(last_reply_, WEIR_ERR));
    return true;
  }
  if (kind == ChildQuestion::kNode) return AnswerNode(number);
  KeyValueStore* const store = services_->key_values();
  if (size > ChildQuestion::kMaxKey || store == nullptr) return false;
  last_question_ = number;
  const std::string key(question.key, size);
  if (kind == ChildQuestion::kGet) {
    const auto value = store->Get(services_->id(), key);
    if (value.ok() && value->has_value()) {
      answerer_->Answer(number, WEIR_OK, **value);
    } else {
      answerer_->Answer(
          number, value.ok() ? WEIR_NOT_FOUND : ToWeirStatus(value.status()));
    }
    return true;
  }
  if (kind != ChildQuestion::kFlush) return false;
  // This may be the thread that watches over all children: it does not wait.
  store->Flush(services_->id(),
               [answerer = answerer_, number](const absl::Status& flushed) {
                 answerer->Answer(number, ToWeirStatus(flushed));
               });
  return true;
}

// The call was in the ring before the question. What is sent is answered when
// the disk has it; this may be the thread that watches over all children.
bool ChildVoice::AnswerNode(uint32_t number) {
  const std::optional<NodeCall> call = std::exchange(node_call_, std::nullopt);
  if (!call.has_value()) return false;
  last_question_ = number;
  nodes_.Make(*call, [answerer = answerer_, number](weir_status status,
                                                    absl::string_view text) {
    answerer->Answer(number, status, text);
  });
  return true;
}

bool ChildVoice::PassOnPut(absl::string_view body) {
  uint32_t key_bytes = 0;
  if (body.size() < sizeof(key_bytes)) return false;
  std::memcpy(&key_bytes, body.data(), sizeof(key_bytes));
  body.remove_prefix(sizeof(key_bytes));
  KeyValueStore* const store = services_->key_values();
  if (key_bytes > body.size() || store == nullptr) return false;
  // What is refused is counted there, and told by the next flush.
  store->Put(services_->id(), body.substr(0, key_bytes), body.substr(key_bytes))
      .IgnoreError();
  return true;
}

void ChildVoice::BeginRun(absl::Span<const Message* const> messages) {
  MutexLock lock(&mu_);
  run_ = messages;
}

void ChildVoice::EndRun() {
  std::optional<SentReplies> sent;
  {
    MutexLock lock(&mu_);
    run_ = {};
    sent.emplace(std::exchange(replies_, SentReplies(services_->replies())));
  }
  sent->AwaitKept();
}

bool ChildVoice::PassOnReply(absl::string_view body) {
  uint32_t head[2] = {};  // Which message; how long its suffix is.
  if (body.size() < sizeof(head)) return false;
  std::memcpy(head, body.data(), sizeof(head));
  body.remove_prefix(sizeof(head));
  if (head[0] >= run_.size() || head[1] > body.size()) return false;
  last_reply_ = replies_.Send(*run_[head[0]], body.substr(head[1]),
                              body.substr(0, head[1]));
  return true;
}

bool ChildVoice::PassOn(ChildRingReader::Record record) {
  const weir_host* const host = services_->table();
  if (record.kind == ChildRecord::kLog) {
    int32_t severity = 0;
    if (record.body.size() < sizeof(severity)) return false;
    std::memcpy(&severity, record.body.data(), sizeof(severity));
    host->log(host->ctx, severity, record.body.data() + sizeof(severity),
              record.body.size() - sizeof(severity));
    return true;
  }
  if (record.kind == ChildRecord::kPut) return PassOnPut(record.body);
  if (record.kind == ChildRecord::kReply) return PassOnReply(record.body);
  if (record.kind == ChildRecord::kNode) {
    node_call_ = DecodeNodeCall(record.body);
    return node_call_.has_value();
  }
  if (record.kind == ChildRecord::kErase) {
    KeyValueStore* const store = services_->key_values();
    if (store == nullptr) return false;
    store->Delete(services_->id(), record.body).IgnoreError();
    return true;
  }
  if (record.kind == ChildRecord::kHealth) {
    int32_t health = 0;
    if (record.body.size() < sizeof(health)) return false;
    std::memcpy(&health, record.body.data(), sizeof(health));
    health_.Set({.degraded = health == WEIR_HEALTH_DEGRADED,
                 .text = ToUtf8(
                     absl::string_view(record.body).substr(sizeof(health)))});
    return true;
  }
  const std::unique_ptr<const ChildEvent> event =
      ChildEvent::Decode(std::move(record.body));
  if (event == nullptr) return false;
  const auto* const emit = static_cast<const weir_ext_emit*>(
      host->get_ext(host->ctx, WEIR_EXT_EMIT));
  emit->emit(host->ctx, &event->event());
  return true;
}

// What the child did not even pass on. It is the plugin's own statistics, so a
// lie harms nobody; but a counter never goes back.
void ChildVoice::CountRejected() {
  for (size_t i = 0; i < rejected_.size(); ++i) {
    const uint64_t now = channel_.rejected[i].load(std::memory_order_relaxed);
    if (now <= rejected_[i]) continue;
    services_->CountRejected(static_cast<PluginHostServices::Rejection>(i),
                             now - rejected_[i]);
    rejected_[i] = now;
  }
  const uint64_t now = channel_.suppressed.load(std::memory_order_relaxed);
  if (now <= suppressed_) return;
  services_->CountSuppressed(now - suppressed_);
  suppressed_ = now;
}

void ChildVoice::Print(absl::string_view text) {
  for (const char c : text) {
    if (c == '\n' || line_.size() == kMaxLineBytes) EndPrint();
    if (c != '\n') line_.push_back(c);
  }
}

void ChildVoice::EndPrint() {
  const weir_host* const host = services_->table();
  if (!line_.empty()) {
    host->log(host->ctx, WEIR_SEVERITY_INFO, line_.data(), line_.size());
  }
  line_.clear();
}

}  // namespace weir
