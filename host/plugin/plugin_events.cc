#include "host/plugin/plugin_events.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/status/json_text.h"

namespace weir {

absl::string_view PluginStateName(PluginStatus::State state) {
  switch (state) {
    case PluginStatus::State::kDiscovered:
      return "DISCOVERED";
    case PluginStatus::State::kInvalid:
      return "INVALID";
    case PluginStatus::State::kLoading:
      return "LOADING";
    case PluginStatus::State::kRunning:
      return "RUNNING";
    case PluginStatus::State::kPaused:
      return "PAUSED";
    case PluginStatus::State::kDraining:
      return "DRAINING";
    case PluginStatus::State::kStopped:
      return "STOPPED";
    case PluginStatus::State::kFailed:
      return "FAILED";
    case PluginStatus::State::kQuarantined:
      return "QUARANTINED";
  }
  return "UNKNOWN";
}

Event PluginStateEvent(const PluginStatus& status) {
  const bool bad = status.state == PluginStatus::State::kInvalid ||
                   status.state == PluginStatus::State::kFailed;
  Event event;
  event.type = "weir.plugin.state";
  event.source = "host";
  event.subject = status.name;
  event.severity = bad ? Severity::kError : Severity::kInfo;
  event.event_time = status.last_transition.time;
  event.json = absl::StrCat(
      "{\"text\":",
      ToJsonString(absl::StrCat(PluginStateName(status.last_transition.from),
                                " -> ",
                                PluginStateName(status.last_transition.to),
                                ": ", status.last_transition.reason)),
      ",\"plugin\":", ToJsonString(status.name),
      ",\"module\":", ToJsonString(status.module), ",\"from\":\"",
      PluginStateName(status.last_transition.from), "\",\"to\":\"",
      PluginStateName(status.last_transition.to),
      "\",\"reason\":", ToJsonString(status.last_transition.reason),
      ",\"actor\":", ToJsonString(status.last_transition.actor),
      ",\"generation\":", status.generation, "}");
  return event;
}

Event PluginHungEvent(const PluginStatus& status, absl::Duration busy_for) {
  Event event;
  event.type = "weir.plugin.hung";
  event.source = "host";
  event.subject = status.name;
  event.severity = Severity::kWarning;
  event.json = absl::StrCat(
      "{\"plugin\":", ToJsonString(status.name),
      ",\"busy_ms\":", absl::ToInt64Milliseconds(busy_for),
      ",\"soft_deadline_ms\":", absl::ToInt64Milliseconds(status.soft_deadline),
      "}");
  return event;
}

Event PluginHealthEvent(const PluginStatus& status, bool degraded,
                        absl::string_view text) {
  Event event;
  event.type = "weir.plugin.health";
  event.source = "host";
  event.subject = status.name;
  event.severity = degraded ? Severity::kWarning : Severity::kInfo;
  event.json = absl::StrCat(
      "{\"text\":",
      ToJsonString(degraded ? absl::StrCat("degraded: ", text)
                            : std::string("not degraded any more")),
      ",\"plugin\":", ToJsonString(status.name),
      ",\"degraded\":", degraded ? "true" : "false",
      ",\"reason\":", ToJsonString(text), ",\"generation\":", status.generation,
      "}");
  return event;
}

Event PluginCrashedEvent(const PluginStatus& status, const InstanceDeath& death,
                         const std::optional<PoisonMessage>& poison,
                         uint64_t queued) {
  Event event;
  event.type = "weir.plugin.crashed";
  event.source = "host";
  event.subject = status.name;
  event.severity = Severity::kError;
  event.json = absl::StrCat(
      "{\"plugin\":", ToJsonString(status.name),
      ",\"cause\":", ToJsonString(death.cause),
      ",\"generation\":", status.generation,
      ",\"sha256\":", ToJsonString(status.sha256), ",\"message_sequence\":",
      poison.has_value() ? absl::StrCat(poison->message.seq) : "null",
      ",\"message_type\":",
      poison.has_value() ? ToJsonString(poison->type) : "null",
      ",\"fingerprint\":",
      poison.has_value() ? ToJsonString(poison->fingerprint) : "null",
      ",\"queued_messages\":", queued, ",\"frames\":[",
      absl::StrJoin(death.frames, ",",
                    [](std::string* out, const std::string& frame) {
                      out->append(ToJsonString(frame));
                    }),
      "]}");
  return event;
}

Event PluginDemotedEvent(const HostCrash& crash,
                         const std::vector<std::string>& frames) {
  const auto& message = crash.death.message;
  Event event;
  event.type = "weir.plugin.demoted";
  event.source = "host";
  event.subject = crash.plugin;
  event.severity = Severity::kError;
  event.event_time = crash.time;
  event.json = absl::StrCat(
      "{\"text\":",
      ToJsonString(absl::StrCat("took the host down (", crash.death.cause,
                                "), and runs in a child now")),
      ",\"plugin\":", ToJsonString(crash.plugin),
      ",\"sha256\":", ToJsonString(crash.sha256),
      ",\"generation\":", crash.generation,
      ",\"signal\":", ToJsonString(crash.death.cause), ",\"message_sequence\":",
      message.has_value() ? absl::StrCat(message->seq) : "null",
      ",\"message_type\":",
      message.has_value() ? ToJsonString(crash.type) : "null", ",\"frames\":[",
      absl::StrJoin(frames, ",",
                    [](std::string* out, const std::string& frame) {
                      out->append(ToJsonString(frame));
                    }),
      "]}");
  return event;
}

}  // namespace weir
