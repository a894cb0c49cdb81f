#include "host/decode/plain_line.h"

#include <cstddef>
#include <cstring>

#include "host/decode/ip_text.h"
#include "host/decode/message_key.h"
#include "host/decode/text_scan.h"
#include "host/pipeline/message_writer.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

constexpr absl::string_view kHead = R"({"type":"ris_message","data":{)";

// As in text_scan.h: each begins at a value and returns what follows it.

const char* ScanString(unsigned key, const char* at, FieldWriter& fields) {
  if (*at++ != '"') return nullptr;
  const char* const end = ScanText(at);
  if (end == nullptr) return nullptr;
  fields.String(key, absl::string_view(at, end - at));
  return end + 1;
}

const char* ScanPeer(const char* at, FieldWriter& fields) {
  if (*at++ != '"') return nullptr;
  weir_address address;
  at = ReadAddress(at, at + MessageWriter::kPadding, &address);
  if (at == nullptr || *at != '"') return nullptr;
  fields.Array(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS, &address, 1);
  return at + 1;
}

const char* ScanPeerAsn(const char* at, FieldWriter& fields) {
  uint32_t asn;
  if (*at++ != '"') return nullptr;
  at = ScanNumber(at, 0xffffffff, &asn);
  if (at == nullptr || *at != '"') return nullptr;
  fields.Uint(WEIR_FIELD_BGP_PEER_ASN, asn);
  return at + 1;
}

const char* ScanType(const char* at, RisLiveHead* head) {
  struct Type {
    absl::string_view text;
    uint16_t id;
  };
  static constexpr Type kTypes[] = {{"\"UPDATE\"", kTypeUpdate},
                                    {"\"KEEPALIVE\"", kTypeKeepalive},
                                    {"\"STATE\"", kTypeState},
                                    {"\"RIS_PEER_STATE\"", kTypeState}};
  for (const Type& type : kTypes) {
    if (std::memcmp(at, type.text.data(), type.text.size()) != 0) continue;
    head->has_type = true;
    head->type_id = type.id;
    return at + type.text.size();
  }
  return nullptr;
}

const char* ScanOrigin(const char* at, FieldWriter& fields) {
  static constexpr absl::string_view kOrigins[] = {
      "\"IGP\"", "\"EGP\"", "\"INCOMPLETE\"",
      "\"igp\"", "\"egp\"", "\"incomplete\""};
  for (size_t i = 0; i < 6; ++i) {
    const absl::string_view text = kOrigins[i];
    if (std::memcmp(at, text.data(), text.size()) != 0) continue;
    fields.Uint(WEIR_FIELD_BGP_ORIGIN, i % 3);
    return at + text.size();
  }
  return nullptr;
}

const char* ScanMed(const char* at, FieldWriter& fields) {
  uint32_t med;
  at = ScanNumber(at, 0xffffffff, &med);
  if (at != nullptr) fields.Uint(WEIR_FIELD_BGP_MED, med);
  return at;
}

const char* ScanAggregator(const char* at, FieldWriter& fields) {
  uint32_t asn;
  if (*at++ != '"') return nullptr;
  at = ScanNumber(at, 0xffffffff, &asn);
  if (at == nullptr || *at++ != ':') return nullptr;
  weir_address address = {};
  address.family = 4;
  at = ReadIpv4(at, at + MessageWriter::kPadding, address.bytes);
  if (at == nullptr || *at != '"') return nullptr;
  fields.Uint(WEIR_FIELD_BGP_AGGREGATOR_ASN, asn);
  fields.Array(WEIR_FIELD_BGP_AGGREGATOR, WEIR_KIND_ADDRESS, &address, 1);
  return at + 1;
}

const char* ScanU32Array(unsigned key, const char* at,
                         const char* (*scan)(const char*, uint32_t*, size_t*),
                         FieldWriter& fields) {
  size_t count;
  at = scan(at, fields.Begin<uint32_t>(), &count);
  if (at != nullptr) fields.End<uint32_t>(key, WEIR_KIND_U32_ARRAY, count);
  return at;
}

const char* ScanWithdrawals(const char* at, FieldWriter& fields) {
  size_t count;
  at = ScanPrefixes(at, WEIR_NO_NEXT_HOP, fields.Begin<weir_prefix>(), &count);
  if (at == nullptr) return nullptr;
  fields.End<weir_prefix>(WEIR_FIELD_BGP_WITHDRAWN, WEIR_KIND_PREFIX, count);
  return at;
}

}  // namespace

bool PlainLine::Read(absl::string_view line, FieldWriter& fields,
                     RisLiveHead* head) {
  const char* at = line.data();
  if (line.size() < kHead.size() ||
      std::memcmp(at, kHead.data(), kHead.size()) != 0) {
    return false;
  }
  at += kHead.size();
  uint32_t seen = 0;
  for (;; ++at) {
    if (*at++ != '"') return false;
    const int key = FindKey(at);
    if (key == kKeys || (seen >> key & 1) != 0) return false;
    seen |= uint32_t{1} << key;
    at += KeyName(key).size() + 1;
    if (*at++ != ':') return false;
    at = ReadValue(key, at, fields, head);
    if (at == nullptr) return false;
    if (*at != ',') break;
  }
  return at + 2 == line.data() + line.size() && at[0] == '}' && at[1] == '}';
}

const char* PlainLine::ReadValue(int key, const char* at, FieldWriter& fields,
                                 RisLiveHead* head) {
  switch (key) {
    case kTimestamp:
      return ScanTimestamp(at, &head->ts_ns);
    case kPeer:
      return ScanPeer(at, fields);
    case kPeerAsn:
      return ScanPeerAsn(at, fields);
    case kId:
      return ScanString(WEIR_FIELD_BGP_ID, at, fields);
    case kHost:
      return ScanString(WEIR_FIELD_BGP_COLLECTOR, at, fields);
    case kType:
      return ScanType(at, head);
    case kPath:
      return ScanU32Array(WEIR_FIELD_BGP_PATH, at, &ScanPath, fields);
    case kCommunity:
      return ScanU32Array(WEIR_FIELD_BGP_COMMUNITIES, at, &ScanCommunities,
                          fields);
    case kOrigin:
      return ScanOrigin(at, fields);
    case kMed:
      return ScanMed(at, fields);
    case kAggregator:
      return ScanAggregator(at, fields);
    case kAnnouncements:
      return bgp_.ScanAnnouncements(at, fields);
    case kWithdrawals:
      return ScanWithdrawals(at, fields);
    case kRaw:
      return ScanString(WEIR_FIELD_BGP_RAW, at, fields);
    case kState:
      return ScanString(WEIR_FIELD_BGP_STATE, at, fields);
    default:  // What only an OPEN or a NOTIFICATION has.
      return nullptr;
  }
}

}  // namespace weir
