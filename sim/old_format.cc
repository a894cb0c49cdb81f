#include "sim/old_format.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sim/ip_prefix.h"
#include "sim/line_members.h"

namespace weir::sim {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

std::string* Find(Members& members, absl::string_view key) {
  for (auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text, "\"");
}

absl::string_view Unquoted(absl::string_view text) {
  absl::ConsumePrefix(&text, "\"");
  absl::ConsumeSuffix(&text, "\"");
  return text;
}

std::string OldTimestamp(const std::string& today) {
  double seconds = 0;
  if (!absl::SimpleAtod(today, &seconds)) return today;
  std::string text = absl::StrFormat("%.2f", seconds);
  if (text.back() == '0') text.pop_back();
  return text;
}

// `<peer>-<12 hex><4 hex>` becomes `<peer>-<timestamp>-<n>`.
std::string OldId(absl::string_view today, absl::string_view timestamp) {
  const std::vector<std::string> parts =
      absl::StrSplit(Unquoted(today), absl::MaxSplits('-', 1));
  uint64_t number = 0;
  if (parts.size() != 2 || parts[1].size() != 16 ||
      !absl::SimpleHexAtoi(parts[1].substr(12), &number)) {
    return std::string(today);
  }
  return Quoted(absl::StrCat(parts[0], "-", timestamp, "-", number));
}

std::string OldAnnouncements(const std::string& today) {
  simdjson::dom::parser parser;
  simdjson::dom::array groups;
  if (parser.parse(today).get(groups)) return today;
  std::vector<std::string> old;
  for (const simdjson::dom::element group : groups) {
    std::string_view next_hops;
    simdjson::dom::element prefixes;
    if (group["next_hop"].get(next_hops)) return today;
    if (group["prefixes"].get(prefixes)) return today;
    for (const absl::string_view next_hop : absl::StrSplit(
             absl::string_view(next_hops.data(), next_hops.size()), ',')) {
      old.push_back(absl::StrCat("{\"next_hop\":\"", next_hop,
                                 "\",\"prefixes\":", simdjson::minify(prefixes),
                                 "}"));
    }
  }
  return absl::StrCat("[", absl::StrJoin(old, ","), "]");
}

std::string OldWithdrawals(const std::string& today) {
  simdjson::dom::parser parser;
  simdjson::dom::array prefixes;
  if (parser.parse(today).get(prefixes)) return today;
  std::vector<std::string> old;
  for (const simdjson::dom::element prefix : prefixes) {
    std::string_view text;
    if (prefix.get(text)) return today;
    const std::optional<IpPrefix> parsed =
        IpPrefix::Parse(absl::string_view(text.data(), text.size()));
    if (!parsed.has_value()) return today;
    old.push_back(Quoted(parsed->ToString()));
  }
  return absl::StrCat("[", absl::StrJoin(old, ","), "]");
}

std::string OldNotification(const std::string& today) {
  simdjson::dom::parser parser;
  simdjson::dom::element notification;
  uint64_t code = 0;
  uint64_t subcode = 0;
  if (parser.parse(today).get(notification)) return today;
  if (notification["code"].get(code)) return today;
  if (notification["subcode"].get(subcode)) return today;
  return absl::StrFormat("{\"code\":%d,\"subcode\":%d,\"data\":\"%02x%02x\"}",
                         code, subcode, code, subcode);
}

std::string OldValue(absl::string_view key, const std::string& today) {
  if (key == "host") {
    return Quoted(absl::StripSuffix(Unquoted(today), ".ripe.net"));
  }
  if (key == "type" && today == "\"STATE\"") return "\"RIS_PEER_STATE\"";
  if (key == "origin") return absl::AsciiStrToLower(today);
  if (key == "announcements") return OldAnnouncements(today);
  if (key == "withdrawals") return OldWithdrawals(today);
  if (key == "notification") return OldNotification(today);
  return today;
}

}  // namespace

std::string ToOldFormat(absl::string_view line) {
  LineMembers members;
  if (!members.Parse(line) || members.type != "\"ris_message\"") {
    return std::string(line);
  }
  std::string timestamp;
  if (std::string* value = Find(members.data, "timestamp"); value != nullptr) {
    timestamp = OldTimestamp(*value);
    *value = timestamp;
  }
  Members old;
  std::string raw;
  if (const std::string* value = Find(members.data, "raw")) raw = *value;
  for (const auto& [key, value] : members.data) {
    if (key == "raw" || value == "[]" || (key == "med" && value == "0")) {
      continue;
    }
    if (key != "id") {
      old.emplace_back(key, OldValue(key, value));
      continue;
    }
    old.emplace_back(key, OldId(value, timestamp));
    if (!raw.empty()) old.emplace_back("raw", raw);
  }
  members.data = std::move(old);
  return members.ToLine();
}

}  // namespace weir::sim
