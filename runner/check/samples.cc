#include "runner/check/samples.h"

#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {
namespace {

// The places in kCheckTypes.
enum Type : uint16_t {
  kUpdate,
  kState,
  kOpen,
  kNotification,
  kKeepalive,
  kRaw
};

constexpr int64_t kTime = 1'767'225'599'000'000'000;

template <typename T>
SampleField Array(uint16_t key, uint8_t kind, std::vector<T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  SampleField field = {
      .key = key, .kind = kind, .count = static_cast<uint32_t>(values.size())};
  field.bytes.assign(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(T));
  return field;
}

SampleField Number(uint16_t key, uint64_t number) {
  return {.key = key, .kind = WEIR_KIND_UINT, .count = 0, .number = number};
}

SampleField Text(uint16_t key, absl::string_view text) {
  return {.key = key, .kind = WEIR_KIND_STRING, .bytes = std::string(text)};
}

weir_address Address(std::initializer_list<uint8_t> bytes) {
  weir_address address = {};
  address.family = bytes.size() == 4 ? 4 : 6;
  std::memcpy(address.bytes, bytes.begin(), bytes.size());
  return address;
}

weir_prefix Prefix(std::initializer_list<uint8_t> bytes, uint8_t family,
                   uint8_t length, uint16_t next_hop) {
  weir_prefix prefix = {};
  prefix.family = family;
  prefix.length = length;
  prefix.next_hop = next_hop;
  std::memcpy(prefix.bytes, bytes.begin(), bytes.size());
  return prefix;
}

weir_next_hop NextHop(std::initializer_list<uint8_t> bytes) {
  weir_next_hop hop = {};
  hop.family = bytes.size() == 4 ? 4 : 6;
  std::memcpy(hop.bytes, bytes.begin(), bytes.size());
  return hop;
}

const std::initializer_list<uint8_t> kPeer = {192, 0, 2, 10};
const std::initializer_list<uint8_t> kHop6 = {
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// What every message of the one peer has.
std::vector<SampleField> OfThePeer(std::vector<SampleField> more) {
  std::vector<SampleField> fields = {
      Array<weir_address>(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS,
                          {Address(kPeer)}),
      Number(WEIR_FIELD_BGP_PEER_ASN, 64496),
      Text(WEIR_FIELD_BGP_COLLECTOR, "rrc01.ripe.net"),
      Text(WEIR_FIELD_BGP_ID, "192.0.2.10-019b76d2c1f00001")};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string Body(absl::string_view type, absl::string_view rest) {
  return absl::StrCat(
      R"({"type":"ris_message","data":{"timestamp":1767225599.00,)",
      R"("peer":"192.0.2.10","peer_asn":"64496",)",
      R"("id":"192.0.2.10-019b76d2c1f00001","host":"rrc01.ripe.net","type":")",
      type, "\"", rest, "}}");
}

Sample Announcement() {
  return {
      .what = "an UPDATE that announces",
      .type = kUpdate,
      .body = Body("UPDATE",
                   R"(,"path":[64496,64497,[64498,64499]],"origin":"IGP",)"
                   R"("community":[[64496,100]],"med":10,"announcements":[)"
                   R"({"next_hop":"192.0.2.10","prefixes":["198.51.100.0/24",)"
                   R"("203.0.113.0/25"]},{"next_hop":"2001:db8::1",)"
                   R"("prefixes":["2001:db8:1::/48"]}])"),
      .time_ns = kTime,
      .fields = OfThePeer(
          {Array<uint32_t>(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY,
                           {64496, 64497, 64498, 64499}),
           Array<weir_range>(WEIR_FIELD_BGP_PATH_SETS, WEIR_KIND_RANGE,
                             {{2, 4}}),
           Array<uint32_t>(WEIR_FIELD_BGP_COMMUNITIES, WEIR_KIND_U32_ARRAY,
                           {uint32_t{64496} << 16 | 100}),
           Number(WEIR_FIELD_BGP_ORIGIN, 0), Number(WEIR_FIELD_BGP_MED, 10),
           Array<weir_prefix>(
               WEIR_FIELD_BGP_ANNOUNCED, WEIR_KIND_PREFIX,
               {Prefix({198, 51, 100, 0}, 4, 24, 0),
                Prefix({203, 0, 113, 0}, 4, 25, 0),
                Prefix({0x20, 0x01, 0x0d, 0xb8, 0, 1}, 6, 48, 1)}),
           Array<weir_next_hop>(WEIR_FIELD_BGP_NEXT_HOPS, WEIR_KIND_NEXT_HOP,
                                {NextHop(kPeer), NextHop(kHop6)})})};
}

Sample Withdrawal() {
  return {
      .what = "an UPDATE that withdraws",
      .type = kUpdate,
      .body = Body("UPDATE",
                   R"(,"withdrawals":["198.51.100.0/24","2001:db8:1::/48"])"),
      .time_ns = kTime + 1,
      .fields = OfThePeer({Array<weir_prefix>(
          WEIR_FIELD_BGP_WITHDRAWN, WEIR_KIND_PREFIX,
          {Prefix({198, 51, 100, 0}, 4, 24, WEIR_NO_NEXT_HOP),
           Prefix({0x20, 0x01, 0x0d, 0xb8, 0, 1}, 6, 48, WEIR_NO_NEXT_HOP)})})};
}

Sample State(absl::string_view state) {
  return {.what = absl::StrCat("a STATE that says ", state),
          .type = kState,
          .body = Body("RIS_PEER_STATE",
                       absl::StrCat(R"(,"state":")", state, "\"")),
          .time_ns = kTime + 2,
          .fields = OfThePeer({Text(WEIR_FIELD_BGP_STATE, state)})};
}

}  // namespace

std::vector<Sample> PlainSamples() {
  std::vector<Sample> samples = {State("connected"), Announcement(),
                                 Announcement(),     Withdrawal(),
                                 State("down"),      State("up")};
  samples.push_back(
      {.what = "an OPEN",
       .type = kOpen,
       .body = Body("OPEN", R"(,"direction":"sent","version":4,"asn":12654,)"
                            R"("hold_time":180,"router_id":"192.0.2.1",)"
                            R"("capabilities":{"1":{"name":"multiprotocol"}})"),
       .time_ns = kTime + 3,
       .fields = OfThePeer({Text(WEIR_FIELD_BGP_DIRECTION, "sent"),
                            Number(WEIR_FIELD_BGP_VERSION, 4),
                            Number(WEIR_FIELD_BGP_ASN, 12654),
                            Number(WEIR_FIELD_BGP_HOLD_TIME, 180),
                            Text(WEIR_FIELD_BGP_ROUTER_ID, "192.0.2.1"),
                            Text(WEIR_FIELD_BGP_CAPABILITIES,
                                 R"({"1":{"name":"multiprotocol"}})")})});
  samples.push_back(
      {.what = "a NOTIFICATION",
       .type = kNotification,
       .body = Body("NOTIFICATION",
                    R"(,"notification":{"code":6,"subcode":2,"data":"00"})"),
       .time_ns = kTime + 4,
       .fields = OfThePeer({Number(WEIR_FIELD_BGP_NOTIFY_CODE, 6),
                            Number(WEIR_FIELD_BGP_NOTIFY_SUBCODE, 2),
                            {.key = WEIR_FIELD_BGP_NOTIFY_DATA,
                             .kind = WEIR_KIND_BYTES,
                             .bytes = std::string(1, '\0')}})});
  samples.push_back({.what = "a KEEPALIVE",
                     .type = kKeepalive,
                     .body = Body("KEEPALIVE", ""),
                     .time_ns = kTime + 5,
                     .fields = OfThePeer({})});
  samples.push_back(
      {.what = "a RAW payload", .type = kRaw, .body = Announcement().body});
  return samples;
}

std::vector<SampleField> FieldOfEachKey() {
  std::vector<uint32_t> path(255, 4'294'967'294);
  std::vector<uint32_t> communities(1000, 0xffffffff);
  std::vector<weir_prefix> prefixes;
  for (uint16_t i = 0; i < 500; ++i) {
    const auto low = static_cast<uint8_t>(i & 0xff);
    prefixes.push_back(i % 2 == 0 ? Prefix({10, low, 0, 0}, 4, 16, i % 2)
                                  : Prefix({0x20, 0x01, low, 0}, 6, 32, i % 2));
  }
  return {Array<weir_address>(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS,
                              {Address(kHop6)}),
          Number(WEIR_FIELD_BGP_PEER_ASN, 4'294'967'295),
          Text(WEIR_FIELD_BGP_COLLECTOR, std::string(255, 'c')),
          Text(WEIR_FIELD_BGP_ID, std::string(255, 'i')),
          Array(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY, path),
          Array<weir_range>(WEIR_FIELD_BGP_PATH_SETS, WEIR_KIND_RANGE,
                            {{0, 1}, {1, 3}, {254, 255}}),
          Array(WEIR_FIELD_BGP_COMMUNITIES, WEIR_KIND_U32_ARRAY, communities),
          Number(WEIR_FIELD_BGP_ORIGIN, 2),
          Number(WEIR_FIELD_BGP_MED, 4'294'967'295),
          Number(WEIR_FIELD_BGP_AGGREGATOR_ASN, 4'294'967'295),
          Array<weir_address>(WEIR_FIELD_BGP_AGGREGATOR, WEIR_KIND_ADDRESS,
                              {Address(kPeer)}),
          Array(WEIR_FIELD_BGP_ANNOUNCED, WEIR_KIND_PREFIX, prefixes),
          Array(WEIR_FIELD_BGP_WITHDRAWN, WEIR_KIND_PREFIX, prefixes),
          Array<weir_next_hop>(WEIR_FIELD_BGP_NEXT_HOPS, WEIR_KIND_NEXT_HOP,
                               {NextHop(kPeer), NextHop(kHop6)}),
          Text(WEIR_FIELD_BGP_RAW, std::string(8192, 'F')),
          Text(WEIR_FIELD_BGP_STATE, "down"),
          Text(WEIR_FIELD_BGP_DIRECTION, "received"),
          Number(WEIR_FIELD_BGP_VERSION, 255),
          Number(WEIR_FIELD_BGP_ASN, 23456),
          Number(WEIR_FIELD_BGP_HOLD_TIME, 65535),
          Text(WEIR_FIELD_BGP_ROUTER_ID, "255.255.255.255"),
          Text(WEIR_FIELD_BGP_CAPABILITIES, "{}"),
          Number(WEIR_FIELD_BGP_NOTIFY_CODE, 255),
          Number(WEIR_FIELD_BGP_NOTIFY_SUBCODE, 255),
          {.key = WEIR_FIELD_BGP_NOTIFY_DATA,
           .kind = WEIR_KIND_BYTES,
           .bytes = std::string(4096, '\xff')}};
}

}  // namespace weir
