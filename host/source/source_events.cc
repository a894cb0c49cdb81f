#include "host/source/source_events.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

std::string JsonTime(absl::Time time) {
  if (time == absl::InfinitePast()) return "null";
  return absl::StrCat(
      "\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()),
      "\"");
}

absl::string_view JsonBool(bool value) { return value ? "true" : "false"; }

Event MakeEvent(absl::string_view id, absl::string_view type, Severity severity,
                absl::Time time, std::string json) {
  Event event;
  event.type = std::string(type);
  event.source = absl::StrCat("sources/", id);
  event.subject = std::string(id);
  event.severity = severity;
  event.event_time = time;
  event.json = std::move(json);
  return event;
}

}  // namespace

Event MakeGapEvent(absl::string_view id, const SourceStatus::Outage& outage) {
  const bool over = outage.end_time != absl::InfinitePast();
  return MakeEvent(
      id, "weir.source.gap", over ? Severity::kNotice : Severity::kWarning,
      over ? outage.end_time : outage.begin_time,
      absl::StrCat(
          "{\"text\":",
          ToJsonString(absl::StrCat(
              over ? "back after " : "no input: ",
              over ? absl::FormatDuration(outage.end_time - outage.begin_time)
                   : outage.reason)),
          ",\"begin\":", JsonTime(outage.begin_time),
          ",\"end\":", JsonTime(outage.end_time),
          ",\"reason\":", ToJsonString(outage.reason), ",\"data_lost\":",
          JsonBool(outage.data_lost), ",\"attempts\":", outage.attempts, "}"));
}

Event MakeErrorEvent(absl::string_view id, const SourceStatus::Error& error,
                     bool gave_up, uint64_t repeats) {
  return MakeEvent(id, "weir.source.error",
                   gave_up ? Severity::kError : Severity::kWarning, error.time,
                   absl::StrCat("{\"kind\":", ToJsonString(error.kind),
                                ",\"status\":", error.status,
                                ",\"message\":", ToJsonString(error.message),
                                ",\"gave_up\":", JsonBool(gave_up),
                                ",\"repeats\":", repeats, "}"));
}

Event MakeStaleEvent(absl::string_view id, bool stale, absl::Time since,
                     absl::Time now) {
  return MakeEvent(
      id, "weir.source.stale", stale ? Severity::kWarning : Severity::kNotice,
      now,
      absl::StrCat(stale ? "{\"text\":\"nothing new\",\"stale\":"
                         : "{\"text\":\"messages again\",\"stale\":",
                   JsonBool(stale), ",\"since\":", JsonTime(since), "}"));
}

Event MakeLagEvent(absl::string_view id, bool lagging, absl::Duration lag,
                   absl::Time now) {
  return MakeEvent(
      id, "weir.source.lag", lagging ? Severity::kWarning : Severity::kNotice,
      now,
      absl::StrFormat(
          "{\"text\":\"%s behind\",\"lagging\":%s,\"lag_seconds\":%.3f}",
          absl::FormatDuration(absl::Trunc(lag, absl::Seconds(1))),
          JsonBool(lagging), absl::ToDoubleSeconds(lag)));
}

}  // namespace weir
