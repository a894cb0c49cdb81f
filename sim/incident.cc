#include "sim/incident.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/json_text.h"

namespace weir::sim {
namespace {

std::string Seconds(int64_t ms) {
  return absl::StrFormat("%d.%03d", ms / 1000, ms % 1000);
}

void AppendText(absl::string_view key, absl::string_view value,
                std::string& out) {
  if (value.empty()) return;
  absl::StrAppend(&out, ",\"", key, "\":", JsonText(value));
}

void AppendNumber(absl::string_view key, uint32_t value, std::string& out) {
  if (value == 0) return;
  absl::StrAppend(&out, ",\"", key, "\":", value);
}

}  // namespace

absl::string_view KindName(IncidentKind kind) {
  switch (kind) {
    case IncidentKind::kOriginHijack:
      return "hijack.origin";
    case IncidentKind::kOutage:
      return "outage";
    case IncidentKind::kSubPrefixHijack:
      return "hijack.subprefix";
    case IncidentKind::kFlap:
      return "flap";
    case IncidentKind::kPeerLoss:
      return "peer.loss";
  }
  return "";
}

std::string TruthLine(absl::string_view client, const Incident& incident) {
  std::string line =
      absl::StrCat("{\"client\":", JsonText(client), ",\"kind\":\"",
                   KindName(incident.kind), "\"");
  AppendText("prefix", incident.prefix, line);
  AppendText("offending_prefix", incident.offending_prefix, line);
  AppendNumber("expected_origin", incident.expected_origin, line);
  AppendNumber("offending_origin", incident.offending_origin, line);
  AppendText("peer", incident.peer, line);
  absl::StrAppend(
      &line, ",\"begin_timestamp\":", Seconds(incident.begin_ms),
      ",\"end_timestamp\":",
      incident.end_ms.has_value() ? Seconds(*incident.end_ms) : "null",
      ",\"messages\":", incident.messages, ",\"peers\":", incident.peers,
      "}\n");
  return line;
}

std::string SummaryLine(absl::string_view client, const MessageCounts& counts,
                        uint64_t incidents) {
  return absl::StrCat(
      "{\"client\":", JsonText(client),
      ",\"kind\":\"summary\",\"messages\":", counts.messages(),
      absl::StrFormat(",\"types\":{\"UPDATE\":%d,\"KEEPALIVE\":%d,\"OPEN\":%d,"
                      "\"NOTIFICATION\":%d,\"STATE\":%d}",
                      counts.updates, counts.keepalives, counts.opens,
                      counts.notifications, counts.states),
      absl::StrFormat(",\"announced\":{\"v4\":%d,\"v6\":%d},"
                      "\"withdrawn\":{\"v4\":%d,\"v6\":%d},\"incidents\":%d}\n",
                      counts.announced_v4, counts.announced_v6,
                      counts.withdrawn_v4, counts.withdrawn_v6, incidents));
}

}  // namespace weir::sim
