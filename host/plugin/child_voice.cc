#include "host/plugin/child_voice.h"

#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "host/plugin/child_event.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

// Longer lines are cut; as of PluginHostServices.
constexpr size_t kMaxLineBytes = 8 * 1024;

// No record is shorter than its head and one more word; so a ring holds no more
// than this, and whoever takes that many has seen what there was.
constexpr size_t kMaxRecords = ChildRing::kBytes / 16;

}  // namespace

ChildVoice::ChildVoice(ChildChannel& channel,
                       std::shared_ptr<PluginHostServices> services)
    : channel_(channel), services_(std::move(services)), ring_(channel.ring) {}

bool ChildVoice::Drain() {
  MutexLock lock(&mu_);
  for (size_t i = 0; i < kMaxRecords; ++i) {
    absl::StatusOr<std::optional<ChildRingReader::Record>> record =
        ring_.Take();
    if (!record.ok()) return false;
    if (!record->has_value()) break;
    if (!PassOn(**std::move(record))) return false;
  }
  CountRejected();
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
