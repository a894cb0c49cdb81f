#include "sim/ris_line.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/bgp_bytes.h"

namespace weir::sim {
namespace {

absl::string_view OriginName(Origin origin) {
  switch (origin) {
    case Origin::kIgp:
      return "IGP";
    case Origin::kEgp:
      return "EGP";
    case Origin::kIncomplete:
      return "INCOMPLETE";
  }
  return "";
}

void AppendRaw(const RisMessage& message, std::string& out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  out += ",\"raw\":\"";
  for (const char byte : BgpBytes(message)) {
    out.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  out.push_back('"');
}

void AppendPath(const RisMessage& message, std::string& out) {
  absl::StrAppend(&out, ",\"path\":[", absl::StrJoin(message.path, ","));
  if (!message.path_set.empty()) {
    absl::StrAppend(&out, ",[", absl::StrJoin(message.path_set, ","), "]");
  }
  out += "],\"community\":[";
  absl::string_view comma;
  for (const auto& [asn, meaning] : message.communities) {
    absl::StrAppend(&out, comma, "[", asn, ",", meaning, "]");
    comma = ",";
  }
  out.push_back(']');
}

void AppendAttributes(const RisMessage& message, std::string& out) {
  absl::StrAppend(&out, ",\"origin\":\"", OriginName(message.origin), "\"");
  if (message.med.has_value()) absl::StrAppend(&out, ",\"med\":", *message.med);
  if (message.aggregator_asn.has_value()) {
    absl::StrAppend(&out, ",\"aggregator\":\"", *message.aggregator_asn, ":",
                    message.router_id.Address(), "\"");
  }
}

void AppendAnnouncements(const RisMessage& message, std::string& out) {
  absl::StrAppend(&out, ",\"announcements\":[{\"next_hop\":\"",
                  message.next_hop.Address());
  if (message.link_local.has_value()) {
    absl::StrAppend(&out, ",", message.link_local->Address());
  }
  out += "\",\"prefixes\":[";
  absl::string_view comma;
  for (const IpPrefix& prefix : message.announced) {
    absl::StrAppend(&out, comma, "\"", prefix.ToString(), "\"");
    comma = ",";
  }
  out += "]}]";
}

void AppendUpdate(const RisMessage& message, std::string& out) {
  AppendPath(message, out);
  if (message.announced.empty()) {
    out += ",\"announcements\":[]";
  } else {
    AppendAttributes(message, out);
    AppendAnnouncements(message, out);
  }
  out += ",\"withdrawals\":[";
  absl::string_view comma;
  for (const IpPrefix& prefix : message.withdrawn) {
    absl::StrAppend(&out, comma, "\"", prefix.ToLongString(), "\"");
    comma = ",";
  }
  out.push_back(']');
}

// The OPEN's own field has two octets; the capability has the whole number.
void AppendOpen(const RisMessage& message, std::string& out) {
  absl::StrAppend(&out, ",\"direction\":\"",
                  message.sent_by_collector ? "sent" : "received",
                  "\",\"version\":4,\"asn\":",
                  message.peer_asn > 65535 ? kAsTrans : message.peer_asn,
                  ",\"hold_time\":", message.hold_time_seconds,
                  ",\"router_id\":\"", message.router_id.Address(),
                  "\",\"capabilities\":{\"65\":{\"name\":\"asn4\",\"asn4\":",
                  message.peer_asn, "}}");
}

// The octets as text, each with JSON's escape, as today's stream has them.
void AppendNotification(const RisMessage& message, std::string& out) {
  absl::StrAppendFormat(&out,
                        ",\"notification\":{\"code\":%d,\"subcode\":%d,"
                        "\"data\":\"\\u%04x\\u%04x\"}",
                        message.code, message.subcode, message.code,
                        message.subcode);
}

}  // namespace

absl::string_view TypeName(RisType type) {
  switch (type) {
    case RisType::kUpdate:
      return "UPDATE";
    case RisType::kKeepalive:
      return "KEEPALIVE";
    case RisType::kOpen:
      return "OPEN";
    case RisType::kNotification:
      return "NOTIFICATION";
    case RisType::kState:
      return "STATE";
  }
  return "";
}

void AppendRisLine(const RisMessage& message, std::string& out) {
  const int64_t ms = message.timestamp_ms;
  absl::StrAppend(&out, "{\"type\":\"ris_message\",\"data\":{\"timestamp\":",
                  ms / 1000, ".", absl::Dec(ms % 1000, absl::kZeroPad3),
                  ",\"peer\":\"", message.peer, "\",\"peer_asn\":\"",
                  message.peer_asn, "\",\"id\":\"", message.peer, "-");
  absl::StrAppend(&out, absl::Hex(ms, absl::kZeroPad12),
                  absl::Hex(message.sequence, absl::kZeroPad4),
                  "\",\"host\":\"", message.host, "\",\"type\":\"",
                  TypeName(message.type), "\"");
  switch (message.type) {
    case RisType::kUpdate:
      AppendUpdate(message, out);
      break;
    case RisType::kKeepalive:
      break;
    case RisType::kOpen:
      AppendOpen(message, out);
      break;
    case RisType::kNotification:
      AppendNotification(message, out);
      break;
    case RisType::kState:
      absl::StrAppend(&out, ",\"state\":\"", message.state, "\"");
      break;
  }
  if (message.type != RisType::kState) AppendRaw(message, out);
  out += "}}\n";
}

}  // namespace weir::sim
