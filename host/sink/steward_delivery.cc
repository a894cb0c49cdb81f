#include "host/sink/steward_delivery.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "host/sink/event_json.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

constexpr char kGivenUp[] = "weir.steward.given_up";

// "SEVERITY_WARNING" is "warning".
std::string SeverityText(const v1::Event& event) {
  const std::string& name = v1::Severity_Name(event.severity());
  return absl::AsciiStrToLower(absl::StripPrefix(name, "SEVERITY_"));
}

// Whether another try can do no better.
bool IsFinal(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return true;
  const auto info = GetErrorInfo(status);
  return info.has_value() && info->reason == "OUTBOX_MESSAGE_TOO_LARGE";
}

}  // namespace

StewardDelivery::StewardDelivery(StewardDeliveryOptions options,
                                 StewardOutbox& outbox)
    : options_(std::move(options)), outbox_(outbox) {}

steward::Message StewardDelivery::MessageOf(const v1::Event& event,
                                            std::string json) const {
  const std::string severity = SeverityText(event);
  const auto fill = [&](const std::string& text) {
    return absl::StrReplaceAll(text, {{"{type}", event.type()},
                                      {"{subject}", event.subject()},
                                      {"{severity}", severity},
                                      {"{source}", event.source()},
                                      {"{id}", event.id()}});
  };
  steward::Message message;
  message.to_node = fill(options_.to_node);
  message.method = options_.method;
  if (!options_.method_args.empty()) {
    message.method_args.emplace();
    for (const std::string& argument : options_.method_args) {
      message.method_args->push_back(fill(argument));
    }
  }
  message.directory = fill(options_.directory);
  message.file_name = fill(options_.file_name);
  message.ack_timeout = options_.ack_timeout;
  message.retries = options_.retries;
  message.data.emplace().push_back(std::move(json));
  return message;
}

Delivery::Result StewardDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  Result result;
  result.outcomes.assign(events.size(), Outcome::kFailed);
  if (interrupted_.load()) {
    result.error = absl::UnavailableError("interrupted");
    return result;
  }
  std::vector<steward::Message> messages;
  std::vector<size_t> places;  // Of the messages, in `events`.
  std::vector<size_t> sizes;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i]->type() == kGivenUp &&
        events[i]->source() == options_.source) {
      result.outcomes[i] = Outcome::kDelivered;
      continue;
    }
    std::string json = absl::StrCat(EventToJson(*events[i]), "\n");
    places.push_back(i);
    sizes.push_back(json.size());
    messages.push_back(MessageOf(*events[i], std::move(json)));
  }
  if (messages.empty()) return result;
  absl::Status status = outbox_.Send(messages);
  for (size_t i = 0; i < places.size(); ++i) {
    // What is wrong with one refused them all.
    const bool alone = IsFinal(status);
    absl::Status one = alone ? outbox_.Send({messages[i]}) : status;
    result.outcomes[places[i]] = one.ok()       ? Outcome::kDelivered
                                 : IsFinal(one) ? Outcome::kRejected
                                                : Outcome::kFailed;
    if (one.ok()) result.bytes += sizes[i];
    if (!one.ok()) result.error = std::move(one);
    // The order holds: what follows one that has failed has, too.
    if (alone && result.outcomes[places[i]] == Outcome::kFailed) break;
  }
  return result;
}

}  // namespace weir
