#include "host/decode/bgp_json.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "host/decode/ip_text.h"
#include "host/decode/text_scan.h"
#include "host/pipeline/message_writer.h"

namespace weir {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr uint64_t kMaxAsn = 0xffffffff;
constexpr uint64_t kMaxU16 = 0xffff;

// The text between the quotes of a string, escapes and all: [begin, end) with
// the closing quote at end[0]. Returns whether `value` is a string.
bool ReadQuoted(ondemand::value& value, const char** begin, const char** end) {
  const std::string_view token = value.raw_json_token();
  if (token.empty() || token[0] != '"') return false;
  const size_t close = token.rfind('"');  // White space may follow.
  *begin = token.data() + 1;
  *end = token.data() + close;
  return close > 0;
}

// Reads an array of prefixes to `prefixes` and adds their number to `count`.
// "eor", the end of a table transfer, is none.
const char* ReadPrefixes(ondemand::value& value, uint16_t next_hop,
                         weir_prefix* prefixes, size_t* count) {
  size_t scanned;
  if (ScanPrefixes(value.raw_json_token().data(), next_hop, prefixes + *count,
                   &scanned) != nullptr) {
    *count += scanned;
    return nullptr;
  }
  ondemand::array array;
  if (value.get_array().get(array)) return "not an array of prefixes";
  for (auto element : array) {
    ondemand::value item;
    if (element.get(item)) return "not valid JSON";
    const char* begin;
    const char* end;
    if (!ReadQuoted(item, &begin, &end)) return "not an array of strings";
    weir_prefix& prefix = prefixes[*count];
    if (ReadPrefix(begin, end, &prefix) == end) {
      prefix.next_hop = next_hop;
      ++*count;
    } else if (absl::string_view(begin, end - begin) != "eor") {
      return "not a prefix";
    }
  }
  return nullptr;
}

// Reads "global", "link-local", "global,link-local" or "link-local,global".
// Returns what follows, null if there is none.
const char* ScanNextHop(const char* begin, const char* end,
                        weir_next_hop* hop) {
  weir_address first;
  const char* rest = ReadAddress(begin, end, &first);
  if (rest == nullptr) return nullptr;
  *hop = {};
  hop->family = first.family;
  std::memcpy(hop->bytes, first.bytes, sizeof(hop->bytes));
  if (rest == end || *rest != ',') return rest;
  weir_address second;
  if (first.family != 6) return nullptr;
  rest = ReadAddress(rest + 1, end, &second);
  if (rest == nullptr || second.family != 6) return nullptr;
  hop->link_local_set = 1;
  if (IsLinkLocal(first.bytes) && !IsLinkLocal(second.bytes)) {
    std::swap(first, second);
  }
  std::memcpy(hop->bytes, first.bytes, sizeof(hop->bytes));
  std::memcpy(hop->link_local, second.bytes, sizeof(hop->link_local));
  return rest;
}

bool ReadNextHop(ondemand::value& value, weir_next_hop* hop) {
  const char* begin;
  const char* end;
  return ReadQuoted(value, &begin, &end) && ScanNextHop(begin, end, hop) == end;
}

// Makes one next hop of two that came for the same prefixes. Returns whether
// they are a pair: IPv6, and one of them link-local.
bool JoinPair(const weir_next_hop& second, weir_next_hop* first) {
  if (first->family != 6 || second.family != 6) return false;
  if (first->link_local_set || second.link_local_set) return false;
  const bool first_local = IsLinkLocal(first->bytes);
  if (first_local == IsLinkLocal(second.bytes)) return false;
  std::memcpy(first->link_local, first_local ? first->bytes : second.bytes,
              sizeof(first->link_local));
  if (first_local) {
    std::memcpy(first->bytes, second.bytes, sizeof(first->bytes));
  }
  first->link_local_set = 1;
  return true;
}

// Turns characters of U+0080-U+00FF, which are two bytes of UTF-8, into one
// byte each.
std::string OctetsOf(absl::string_view text) {
  std::string octets;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte == 0xc2 || byte == 0xc3) && i + 1 < text.size()) {
      octets.push_back(static_cast<char>((byte & 3) << 6 | (text[++i] & 0x3f)));
    } else {
      octets.push_back(text[i]);
    }
  }
  return octets;
}

// The octets behind code and subcode.
std::string NotifyData(absl::string_view text, uint64_t code,
                       uint64_t subcode) {
  const bool hex = text.size() >= 4 && text.size() % 2 == 0 &&
                   std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  if (hex) {
    const std::string octets = absl::HexStringToBytes(text);
    if (static_cast<uint8_t>(octets[0]) == code &&
        static_cast<uint8_t>(octets[1]) == subcode) {
      return octets.substr(2);
    }
  }
  return OctetsOf(text);
}

}  // namespace

bool ReadUint(ondemand::value& value, uint64_t max, uint64_t* number) {
  return !value.get_uint64().get(*number) && *number <= max;
}

const char* BgpJson::ReadPath(Value& value, FieldWriter& fields) {
  uint32_t* const asns = fields.Begin<uint32_t>();
  size_t count;
  if (ScanPath(value.raw_json_token().data(), asns, &count) != nullptr) {
    fields.End<uint32_t>(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY, count);
    return nullptr;
  }
  ondemand::array array;
  if (value.get_array().get(array)) return "not an array";
  count = 0;
  sets_.clear();
  for (auto element : array) {
    ondemand::value hop;
    if (element.get(hop)) return "not valid JSON";
    uint64_t asn;
    if (ReadUint(hop, kMaxAsn, &asn)) {
      asns[count++] = static_cast<uint32_t>(asn);
      continue;
    }
    ondemand::array set;
    if (hop.get_array().get(set)) return "neither AS numbers nor AS_SETs";
    const size_t begin = count;
    for (auto member : set) {
      ondemand::value number;
      if (member.get(number) || !ReadUint(number, kMaxAsn, &asn)) {
        return "an AS_SET not of AS numbers";
      }
      asns[count++] = static_cast<uint32_t>(asn);
    }
    if (count > kMaxU16) return "an AS_SET behind more than 65535 AS numbers";
    sets_.push_back(
        {static_cast<uint16_t>(begin), static_cast<uint16_t>(count)});
  }
  fields.End<uint32_t>(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY, count);
  fields.Array(WEIR_FIELD_BGP_PATH_SETS, WEIR_KIND_RANGE, sets_.data(),
               sets_.size());
  return nullptr;
}

const char* BgpJson::ReadCommunities(Value& value, FieldWriter& fields) {
  constexpr const char* kNoPair = "not pairs of 0-65535";
  uint32_t* const communities = fields.Begin<uint32_t>();
  size_t count;
  if (ScanCommunities(value.raw_json_token().data(), communities, &count) !=
      nullptr) {
    fields.End<uint32_t>(WEIR_FIELD_BGP_COMMUNITIES, WEIR_KIND_U32_ARRAY,
                         count);
    return nullptr;
  }
  ondemand::array array;
  if (value.get_array().get(array)) return "not an array";
  count = 0;
  for (auto element : array) {
    ondemand::array pair;
    if (element.get_array().get(pair)) return kNoPair;
    uint32_t community = 0;
    int numbers = 0;
    for (auto member : pair) {
      ondemand::value half;
      uint64_t number;
      if (member.get(half) || !ReadUint(half, kMaxU16, &number)) return kNoPair;
      community = community << 16 | static_cast<uint32_t>(number);
      if (++numbers > 2) return kNoPair;
    }
    if (numbers != 2) return kNoPair;
    communities[count++] = community;
  }
  fields.End<uint32_t>(WEIR_FIELD_BGP_COMMUNITIES, WEIR_KIND_U32_ARRAY, count);
  return nullptr;
}

const char* BgpJson::ReadGroup(Value& value, weir_prefix* prefixes,
                               size_t* count) {
  ondemand::object group;
  if (value.get_object().get(group)) return "not an array of objects";
  if (next_hops_.size() >= WEIR_NO_NEXT_HOP) return "more than 65535 next hops";
  const auto index = static_cast<uint16_t>(next_hops_.size());
  const size_t first = *count;
  bool has_prefixes = false;
  for (auto entry : group) {
    if (entry.error() != simdjson::SUCCESS) return "not valid JSON";
    ondemand::field&& field = std::move(entry).value_unsafe();
    const ondemand::raw_json_string key = field.key();
    if (key.unsafe_is_equal("prefixes")) {
      if (std::exchange(has_prefixes, true)) return "prefixes stand twice";
      const char* problem = ReadPrefixes(field.value(), index, prefixes, count);
      if (problem != nullptr) return problem;
    } else if (key.unsafe_is_equal("next_hop")) {
      weir_next_hop hop;
      if (next_hops_.size() > index) return "next_hop stands twice";
      if (!ReadNextHop(field.value(), &hop)) {
        return "next_hop is not an address or two";
      }
      next_hops_.push_back(hop);
    }
  }
  EndGroup(index, prefixes, first, count);
  return nullptr;
}

void BgpJson::EndGroup(size_t index, weir_prefix* prefixes, size_t first,
                       size_t* count) {
  const bool has_next_hop = next_hops_.size() > index;
  if (!has_next_hop) {
    for (size_t i = first; i < *count; ++i) {
      prefixes[i].next_hop = WEIR_NO_NEXT_HOP;
    }
  } else if (RepeatsLastGroup(prefixes + first, *count - first) &&
             JoinPair(next_hops_[index], &next_hops_[index - 1])) {
    next_hops_.pop_back();
    *count = first;
    return;
  }
  last_group_ = has_next_hop ? *count - first : 0;
}

bool BgpJson::RepeatsLastGroup(const weir_prefix* group, size_t count) const {
  if (count == 0 || count != last_group_) return false;
  const weir_prefix* const last = group - count;
  for (size_t i = 0; i < count; ++i) {
    if (group[i].family != last[i].family ||
        group[i].length != last[i].length ||
        std::memcmp(group[i].bytes, last[i].bytes, sizeof(last->bytes)) != 0) {
      return false;
    }
  }
  return true;
}

const char* BgpJson::ReadAnnouncements(Value& value, FieldWriter& fields) {
  ondemand::array array;
  if (value.get_array().get(array)) return "not an array";
  weir_prefix* const prefixes = fields.Begin<weir_prefix>();
  size_t count = 0;
  next_hops_.clear();
  last_group_ = 0;
  for (auto element : array) {
    if (element.error() != simdjson::SUCCESS) return "not valid JSON";
    // It wants an rvalue. NOLINTNEXTLINE(performance-move-const-arg)
    ondemand::value&& group = std::move(element).value_unsafe();
    const char* problem = ReadGroup(group, prefixes, &count);
    if (problem != nullptr) return problem;
  }
  EndAnnouncements(count, fields);
  return nullptr;
}

const char* BgpJson::ScanAnnouncements(const char* at, FieldWriter& fields) {
  weir_prefix* const prefixes = fields.Begin<weir_prefix>();
  size_t count = 0;
  next_hops_.clear();
  last_group_ = 0;
  if (*at++ != '[') return nullptr;
  if (*at == ']') return at + 1;
  for (;; ++at) {
    constexpr absl::string_view kNextHop = R"({"next_hop":")";
    constexpr absl::string_view kPrefixes = R"(","prefixes":)";
    const size_t index = next_hops_.size();
    const size_t first = count;
    size_t scanned;
    if (index >= WEIR_NO_NEXT_HOP ||
        std::memcmp(at, kNextHop.data(), kNextHop.size()) != 0) {
      return nullptr;
    }
    at += kNextHop.size();
    next_hops_.emplace_back();
    at = ScanNextHop(at, at + MessageWriter::kPadding, &next_hops_.back());
    if (at == nullptr ||
        std::memcmp(at, kPrefixes.data(), kPrefixes.size()) != 0) {
      return nullptr;
    }
    at = ScanPrefixes(at + kPrefixes.size(), static_cast<uint16_t>(index),
                      prefixes + count, &scanned);
    if (at == nullptr || *at++ != '}') return nullptr;
    count += scanned;
    EndGroup(index, prefixes, first, &count);
    if (*at != ',') break;
  }
  if (*at != ']') return nullptr;
  EndAnnouncements(count, fields);
  return at + 1;
}

void BgpJson::EndAnnouncements(size_t count, FieldWriter& fields) {
  fields.End<weir_prefix>(WEIR_FIELD_BGP_ANNOUNCED, WEIR_KIND_PREFIX, count);
  fields.Array(WEIR_FIELD_BGP_NEXT_HOPS, WEIR_KIND_NEXT_HOP, next_hops_.data(),
               next_hops_.size());
}

const char* BgpJson::ReadWithdrawals(Value& value, FieldWriter& fields) {
  weir_prefix* const prefixes = fields.Begin<weir_prefix>();
  size_t count = 0;
  const char* problem = ReadPrefixes(value, WEIR_NO_NEXT_HOP, prefixes, &count);
  if (problem != nullptr) return problem;
  fields.End<weir_prefix>(WEIR_FIELD_BGP_WITHDRAWN, WEIR_KIND_PREFIX, count);
  return nullptr;
}

const char* BgpJson::ReadAggregator(Value& value, FieldWriter& fields) {
  constexpr const char* kProblem = "not \"<asn>:<ipv4>\"";
  const char* begin;
  const char* end;
  if (!ReadQuoted(value, &begin, &end)) return kProblem;
  const absl::string_view text(begin, end - begin);
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return kProblem;
  uint32_t asn;
  weir_address address;
  if (!absl::SimpleAtoi(text.substr(0, colon), &asn) ||
      !ParseAddress(text.substr(colon + 1), &address) || address.family != 4) {
    return kProblem;
  }
  fields.Uint(WEIR_FIELD_BGP_AGGREGATOR_ASN, asn);
  fields.Array(WEIR_FIELD_BGP_AGGREGATOR, WEIR_KIND_ADDRESS, &address, 1);
  return nullptr;
}

const char* BgpJson::ReadNotification(Value& value, FieldWriter& fields) {
  ondemand::object notification;
  if (value.get_object().get(notification)) return "not an object";
  uint64_t code;
  uint64_t subcode;
  if (notification["code"].get_uint64().get(code) || code > 255) {
    return "code is not 0-255";
  }
  if (notification["subcode"].get_uint64().get(subcode) || subcode > 255) {
    return "subcode is not 0-255";
  }
  fields.Uint(WEIR_FIELD_BGP_NOTIFY_CODE, code);
  fields.Uint(WEIR_FIELD_BGP_NOTIFY_SUBCODE, subcode);
  std::string_view data;
  const auto error = notification["data"].get_string().get(data);
  if (error == simdjson::NO_SUCH_FIELD) return nullptr;
  if (error != simdjson::SUCCESS) return "data is not a string";
  fields.Copy(WEIR_FIELD_BGP_NOTIFY_DATA, WEIR_KIND_BYTES,
              NotifyData({data.data(), data.size()}, code, subcode));
  return nullptr;
}

}  // namespace weir
