#include "host/plugin/in_process_handler.h"

#include <functional>
#include <optional>
#include <utility>

#include "host/pipeline/message_batch.h"
#include "host/plugin/crash_report.h"

namespace weir {
namespace {

constexpr uint16_t kMsgRedelivered = 1;  // weir_msg.flags

}  // namespace

InProcessHandler::InProcessHandler(
    const weir_plugin& table, std::shared_ptr<const void> code,
    std::shared_ptr<PluginHostServices> services, std::string config_json,
    const CallLimits& limits, std::string data_dir,
    uint32_t max_consecutive_errors, const PluginTag& tag)
    : code_(std::move(code)),
      services_(std::move(services)),
      config_json_(std::move(config_json)),
      lent_(services_, limits, std::move(data_dir)),
      instance_(table, lent_.table(), lent_.watch()),
      processes_(*services_),
      max_consecutive_errors_(max_consecutive_errors),
      tag_(tag) {}

absl::Status InProcessHandler::Create() {
  UseCrashStack();
  const InPluginCode code(tag_);
  absl::Status created = instance_.Create(config_json_);
  lent_.EndCreate();
  if (created.ok() && instance_.declared().has_value()) {
    services_->Declare(*instance_.declared());
  }
  return created;
}

int64_t InProcessHandler::QueueCapacity() {
  const InPluginCode code(tag_);
  return instance_.QueueCapacity();
}

bool InProcessHandler::WantsMessage(absl::string_view type) {
  if (!instance_.hears_of_processes()) return Ask(type);
  return processes_.Wants(type, [this](absl::string_view t) { return Ask(t); });
}

bool InProcessHandler::Ask(absl::string_view type) {
  const InPluginCode code(tag_);
  return instance_.WantsMessage(type);
}

RunOutcome InProcessHandler::HandleMessages(
    absl::Span<const Message* const> messages, std::atomic<uint32_t>& done,
    std::atomic<uint32_t>& errors) {
  Look();
  views_.clear();
  for (const Message* message : messages) views_.push_back(&message->view);
  if (std::exchange(redelivered_, false)) {
    // The message is everybody's; that it comes again is ours alone.
    first_ = *views_.front();
    first_.flags |= kMsgRedelivered;
    views_.front() = &first_;
  }
  const InPluginCode code(tag_, messages, &done);
  const std::function<void(uint32_t)> on_error = [messages](uint32_t index) {
    MarkFailed(*messages[index]);
  };
  lent_.BeginRun(messages, views_);
  instance_.HandleMessages(views_, {.done = done,
                                    .max_streak = max_consecutive_errors_,
                                    .errors = &errors,
                                    .on_error = &on_error});
  lent_.EndRun();
  if (max_consecutive_errors_ == 0 ||
      instance_.error_streak() < max_consecutive_errors_) {
    return {};
  }
  End();
  gave_up_after_.store(instance_.error_streak());
  return {.alive = false, .lost_one = false};
}

absl::Status InProcessHandler::Reconfigure(absl::string_view config_json) {
  const InPluginCode code(tag_);
  return instance_.Reconfigure(config_json);
}

absl::Duration InProcessHandler::TickInterval() {
  return absl::Nanoseconds(instance_.tick_interval_ns());
}

bool InProcessHandler::Tick() {
  const InPluginCode code(tag_);
  services_->CountTick(instance_.Tick());
  return true;
}

absl::Duration InProcessHandler::LookInterval() {
  return instance_.hears_of_processes() && services_->nodes() != nullptr
             ? ProcessWatch::kInterval
             : absl::ZeroDuration();
}

bool InProcessHandler::Look() {
  if (!instance_.hears_of_processes()) return true;
  const InPluginCode code(tag_);
  return processes_.Look(
      [this](absl::string_view type) { return instance_.WantsMessage(type); },
      [this](const ProcessChange& change) {
        return std::optional<weir_status>(instance_.TellProcess(change));
      });
}

void InProcessHandler::Rest() {
  const InPluginCode code(tag_);
  processes_.EndAll([this](const ProcessChange& change) {
    return std::optional<weir_status>(instance_.TellProcess(change));
  });
}

void InProcessHandler::End() {
  Rest();
  const InPluginCode code(tag_);
  instance_.Destroy();
  lent_.nodes().End();
}

void InProcessHandler::TellLosses(const Losses& losses) {
  lent_.words().Tell(losses);
}

void InProcessHandler::AskToStop(bool stop) {
  lent_.words().stop.store(stop ? 1 : 0, std::memory_order_relaxed);
}

void InProcessHandler::Destroy() {
  End();
  services_->FlushKeyValues();
}

}  // namespace weir
