#ifndef WEIR_SIM_RIS_MESSAGE_H_
#define WEIR_SIM_RIS_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/ip_prefix.h"

namespace weir::sim {

// The kinds of message that RIS Live sends today.
enum class RisType { kUpdate, kKeepalive, kOpen, kNotification, kState };

// BGP's ORIGIN attribute; the values are those on the wire.
enum class Origin : uint8_t { kIgp = 0, kEgp = 1, kIncomplete = 2 };

// One message of the scenario before it becomes a line. A plain value. The
// fields of another type than `type` are left as they are here.
struct RisMessage {
  // Every message.
  int64_t timestamp_ms = 0;  // Since 1970.
  uint16_t sequence = 0;     // Tells apart what one millisecond brings.
  std::string peer;          // Address of the BGP peer, RFC 5952.
  uint32_t peer_asn = 0;
  std::string host;  // "rrc00.ripe.net"
  RisType type = RisType::kUpdate;

  // kUpdate. An UPDATE that announces nothing has no attributes.
  std::vector<uint32_t> path;
  std::vector<uint32_t> path_set;  // AS_SET that ends the path; empty: none.
  std::vector<std::pair<uint16_t, uint16_t>> communities;
  Origin origin = Origin::kIgp;
  std::optional<uint32_t> med;
  std::optional<uint32_t> aggregator_asn;  // At the router `router_id`.
  IpPrefix next_hop;                       // Of the family of `announced`.
  std::optional<IpPrefix> link_local;      // IPv6 next hop beside the global.
  std::vector<IpPrefix> announced;         // One family.
  std::vector<IpPrefix> withdrawn;         // The same family.

  // kOpen; `peer_asn` and `router_id` are what it says.
  bool sent_by_collector = false;
  uint16_t hold_time_seconds = 180;
  IpPrefix router_id;

  // kNotification.
  uint8_t code = 0;
  uint8_t subcode = 0;

  // kState: "connected", "up" or "down".
  std::string state;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_RIS_MESSAGE_H_
