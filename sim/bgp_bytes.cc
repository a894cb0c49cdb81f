#include "sim/bgp_bytes.h"

#include <cstddef>

#include "absl/strings/string_view.h"

namespace weir::sim {
namespace {

// Message types, RFC 4271 section 4.1.
constexpr uint8_t kOpenType = 1;
constexpr uint8_t kUpdateType = 2;
constexpr uint8_t kNotificationType = 3;
constexpr uint8_t kKeepaliveType = 4;

// Attribute flags and types, RFC 4271 section 4.3 and 5.
constexpr uint8_t kTransitive = 0x40;
constexpr uint8_t kOptional = 0x80;
constexpr uint8_t kExtendedLength = 0x10;
constexpr uint8_t kAsSet = 1;
constexpr uint8_t kAsSequence = 2;

void Put8(size_t value, std::string& out) {
  out.push_back(static_cast<char>(value));
}

void Put16(size_t value, std::string& out) {
  Put8(value >> 8, out);
  Put8(value, out);
}

void Put32(uint32_t value, std::string& out) {
  Put16(value >> 16, out);
  Put16(value, out);
}

void PutAddress(const IpPrefix& address, std::string& out) {
  out.append(reinterpret_cast<const char*>(address.bytes.data()),
             address.is_v6 ? 16 : 4);
}

void PutPrefixes(const std::vector<IpPrefix>& prefixes, std::string& out) {
  for (const IpPrefix& prefix : prefixes) {
    Put8(prefix.length, out);
    out.append(reinterpret_cast<const char*>(prefix.bytes.data()),
               (prefix.length + 7) / 8);
  }
}

void PutAttribute(uint8_t flags, uint8_t type, absl::string_view value,
                  std::string& out) {
  const bool extended = value.size() > 255;
  Put8(extended ? flags | kExtendedLength : flags, out);
  Put8(type, out);
  if (extended) {
    Put16(value.size(), out);
  } else {
    Put8(value.size(), out);
  }
  out.append(value.data(), value.size());
}

void PutSegment(uint8_t kind, const std::vector<uint32_t>& asns,
                std::string& out) {
  if (asns.empty()) return;
  Put8(kind, out);
  Put8(asns.size(), out);
  for (const uint32_t asn : asns) Put32(asn, out);
}

void PutUnreachable(const RisMessage& message, std::string& out) {
  std::string value;
  Put16(2, value);  // AFI IPv6
  Put8(1, value);   // SAFI unicast
  PutPrefixes(message.withdrawn, value);
  PutAttribute(kOptional, 15, value, out);
}

void PutReachable(const RisMessage& message, std::string& out) {
  std::string value;
  Put16(2, value);
  Put8(1, value);
  Put8(message.link_local.has_value() ? 32 : 16, value);
  PutAddress(message.next_hop, value);
  if (message.link_local.has_value()) PutAddress(*message.link_local, value);
  Put8(0, value);  // reserved
  PutPrefixes(message.announced, value);
  PutAttribute(kOptional, 14, value, out);
}

// The attributes of what is announced, in ascending order of type.
void PutPathAttributes(const RisMessage& message, std::string& out) {
  std::string value;
  Put8(static_cast<uint8_t>(message.origin), value);
  PutAttribute(kTransitive, 1, value, out);

  value.clear();
  PutSegment(kAsSequence, message.path, value);
  PutSegment(kAsSet, message.path_set, value);
  PutAttribute(kTransitive, 2, value, out);

  if (!message.next_hop.is_v6) {
    value.clear();
    PutAddress(message.next_hop, value);
    PutAttribute(kTransitive, 3, value, out);
  }
  if (message.med.has_value()) {
    value.clear();
    Put32(*message.med, value);
    PutAttribute(kOptional, 4, value, out);
  }
  if (message.aggregator_asn.has_value()) {
    value.clear();
    Put32(*message.aggregator_asn, value);
    PutAddress(message.router_id, value);
    PutAttribute(kOptional | kTransitive, 7, value, out);
  }
  if (!message.communities.empty()) {
    value.clear();
    for (const auto& [asn, meaning] : message.communities) {
      Put16(asn, value);
      Put16(meaning, value);
    }
    PutAttribute(kOptional | kTransitive, 8, value, out);
  }
  if (message.next_hop.is_v6) PutReachable(message, out);
}

std::string UpdateBody(const RisMessage& message) {
  const bool withdraws_v6 =
      !message.withdrawn.empty() && message.withdrawn.front().is_v6;
  std::string withdrawn;
  if (!withdraws_v6) PutPrefixes(message.withdrawn, withdrawn);
  std::string attributes;
  if (withdraws_v6) PutUnreachable(message, attributes);
  if (!message.announced.empty()) PutPathAttributes(message, attributes);

  std::string body;
  Put16(withdrawn.size(), body);
  body += withdrawn;
  Put16(attributes.size(), body);
  body += attributes;
  if (!message.next_hop.is_v6) PutPrefixes(message.announced, body);
  return body;
}

std::string OpenBody(const RisMessage& message) {
  std::string body;
  Put8(4, body);  // version
  Put16(message.peer_asn > 65535 ? kAsTrans : message.peer_asn, body);
  Put16(message.hold_time_seconds, body);
  PutAddress(message.router_id, body);
  Put8(8, body);   // length of the parameters
  Put8(2, body);   // parameter "capabilities" (RFC 5492)
  Put8(6, body);   // of this length
  Put8(65, body);  // 4-octet AS number
  Put8(4, body);
  Put32(message.peer_asn, body);
  return body;
}

std::string Framed(uint8_t type, absl::string_view body) {
  std::string bytes(16, '\xFF');
  Put16(19 + body.size(), bytes);
  Put8(type, bytes);
  bytes.append(body.data(), body.size());
  return bytes;
}

}  // namespace

std::string BgpBytes(const RisMessage& message) {
  switch (message.type) {
    case RisType::kUpdate:
      return Framed(kUpdateType, UpdateBody(message));
    case RisType::kKeepalive:
      return Framed(kKeepaliveType, "");
    case RisType::kOpen:
      return Framed(kOpenType, OpenBody(message));
    case RisType::kNotification: {
      std::string body;
      Put8(message.code, body);
      Put8(message.subcode, body);
      return Framed(kNotificationType, body);
    }
    case RisType::kState:
      return "";
  }
  return "";
}

}  // namespace weir::sim
