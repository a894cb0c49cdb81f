#include "sim/subscription_filter.h"

#include <simdjson.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sim/path_pattern.h"

namespace weir::sim {
namespace {

namespace dom = simdjson::dom;

absl::string_view View(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

absl::Status WrongKind(absl::string_view key, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("X-RIS-Subscribe: ", key, " has to be ", wanted));
}

absl::Status ReadText(absl::string_view key, dom::element value,
                      std::string& text) {
  std::string_view view;
  if (value.get(view)) return WrongKind(key, "a string");
  text = std::string(view);
  return absl::OkStatus();
}

absl::Status ReadBool(absl::string_view key, dom::element value, bool& flag) {
  if (value.get(flag)) return WrongKind(key, "true or false");
  return absl::OkStatus();
}

absl::Status ReadPath(dom::element value, std::string& path) {
  uint64_t asn = 0;
  if (!value.get(asn)) {
    path = absl::StrCat(asn);
    return absl::OkStatus();
  }
  if (!ReadText("path", value, path).ok()) {
    return WrongKind("path", "an AS number or a string");
  }
  return absl::OkStatus();
}

absl::Status ReadPrefix(dom::element value, std::vector<IpPrefix>& prefixes) {
  std::string text;
  if (!ReadText("prefix", value, text).ok()) {
    return WrongKind("prefix", "a string or an array of strings");
  }
  const std::optional<IpPrefix> prefix = IpPrefix::Parse(text);
  if (!prefix.has_value()) {
    return WrongKind(absl::StrCat("prefix '", text, "'"),
                     "an address, a slash and a length");
  }
  prefixes.push_back(*prefix);
  return absl::OkStatus();
}

absl::Status ReadPrefixes(dom::element value, std::vector<IpPrefix>& prefixes) {
  dom::array array;
  if (value.get(array)) return ReadPrefix(value, prefixes);
  for (const dom::element item : array) {
    absl::Status status = ReadPrefix(item, prefixes);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadPeer(dom::element value, std::optional<IpPrefix>& peer) {
  std::string text;
  absl::Status status = ReadText("peer", value, text);
  if (!status.ok()) return status;
  peer = IpPrefix::Parse(text);
  if (!peer.has_value()) {
    return WrongKind(absl::StrCat("peer '", text, "'"), "an address");
  }
  return absl::OkStatus();
}

// A string member of `object`, or "".
std::string TextAt(dom::element object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) ? "" : std::string(text);
}

// Adds what the array `value` says of prefixes, itself or in its groups.
void AddPrefixes(simdjson::simdjson_result<dom::element> value,
                 std::vector<IpPrefix>& prefixes) {
  dom::array array;
  if (value.get(array)) return;
  for (const dom::element item : array) {
    std::string_view text;
    if (item.get(text)) {
      AddPrefixes(item["prefixes"], prefixes);
      continue;
    }
    const std::optional<IpPrefix> prefix = IpPrefix::Parse(View(text));
    if (prefix.has_value()) prefixes.push_back(*prefix);
  }
}

std::vector<std::string> HopsOf(dom::element data) {
  std::vector<std::string> hops;
  dom::array path;
  if (data["path"].get(path)) return hops;
  for (const dom::element hop : path) hops.push_back(simdjson::minify(hop));
  return hops;
}

bool HasItems(dom::element data, std::string_view key) {
  dom::element value;
  if (data[key].get(value)) return false;
  dom::array array;
  return value.get(array) || array.size() > 0;
}

// The two words for one type mean the same.
absl::string_view CanonicalType(absl::string_view type) {
  return type == "RIS_PEER_STATE" ? "STATE" : type;
}

}  // namespace

// Fills a filter, key by key.
struct FilterReader {
  absl::Status Read(absl::string_view key, dom::element value) {
    if (key == "host") return ReadText(key, value, filter.host_);
    if (key == "type") return ReadText(key, value, filter.type_);
    if (key == "require") return ReadText(key, value, filter.require_);
    if (key == "peer") return ReadPeer(value, filter.peer_);
    if (key == "path") return ReadPath(value, filter.path_);
    if (key == "prefix") return ReadPrefixes(value, filter.prefixes_);
    if (key == "moreSpecific") {
      return ReadBool(key, value, filter.more_specific_);
    }
    if (key == "lessSpecific") {
      return ReadBool(key, value, filter.less_specific_);
    }
    if (key == "includeRaw") return ReadBool(key, value, filter.include_raw_);
    if (key == "acknowledge") return ReadBool(key, value, acknowledge);
    if (key == "socketOptions") return ReadOptions(value);
    return absl::InvalidArgumentError(
        absl::StrCat("X-RIS-Subscribe: unknown key '", key, "'"));
  }

  absl::Status ReadOptions(dom::element value) {
    dom::object options;
    if (value.get(options)) return WrongKind("socketOptions", "an object");
    for (const auto& [key, option] : options) {
      absl::Status status = Read(View(key), option);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  SubscriptionFilter& filter;
  bool acknowledge = false;  // Means nothing over HTTP.
};

absl::StatusOr<SubscriptionFilter> SubscriptionFilter::Parse(
    absl::string_view json) {
  dom::parser parser;
  dom::element root;
  const simdjson::error_code error =
      parser.parse(json.data(), json.size()).get(root);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "X-RIS-Subscribe is no JSON: ", simdjson::error_message(error), ": ",
        json));
  }
  SubscriptionFilter filter;
  if (root.is_null()) return filter;
  dom::object object;
  if (root.get(object)) {
    return absl::InvalidArgumentError(
        absl::StrCat("X-RIS-Subscribe is no JSON object: ", json));
  }
  FilterReader reader{filter};
  for (const auto& [key, value] : object) {
    if (value.is_null()) continue;
    absl::Status status = reader.Read(View(key), value);
    if (!status.ok()) return status;
  }
  return filter;
}

bool SubscriptionFilter::Matches(absl::string_view line) const {
  dom::parser parser;
  dom::element root;
  dom::element data;
  if (parser.parse(line.data(), line.size()).get(root)) return true;
  if (TextAt(root, "type") != "ris_message") return true;
  if (root["data"].get(data)) return true;

  if (!host_.empty() && absl::StripSuffix(TextAt(data, "host"), ".ripe.net") !=
                            absl::StripSuffix(host_, ".ripe.net")) {
    return false;
  }
  if (!type_.empty() &&
      CanonicalType(TextAt(data, "type")) != CanonicalType(type_)) {
    return false;
  }
  if (!require_.empty() && !HasItems(data, require_)) return false;
  if (peer_.has_value() && IpPrefix::Parse(TextAt(data, "peer")) != peer_) {
    return false;
  }
  if (!path_.empty() && !PathMatches(path_, HopsOf(data))) return false;
  if (prefixes_.empty()) return true;
  std::vector<IpPrefix> prefixes;
  AddPrefixes(data["announcements"], prefixes);
  AddPrefixes(data["withdrawals"], prefixes);
  for (const IpPrefix& prefix : prefixes) {
    if (MatchesPrefix(prefix)) return true;
  }
  return false;
}

bool SubscriptionFilter::MatchesPrefix(const IpPrefix& prefix) const {
  for (const IpPrefix& wanted : prefixes_) {
    if (prefix == wanted) return true;
    if (more_specific_ && wanted.Covers(prefix)) return true;
    if (less_specific_ && prefix.Covers(wanted)) return true;
  }
  return false;
}

}  // namespace weir::sim
