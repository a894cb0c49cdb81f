#ifndef WEIR_SIM_NETWORK_H_
#define WEIR_SIM_NETWORK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/ip_prefix.h"

namespace weir::sim {

// A BGP peer of a collector. Peers over IPv4 carry IPv4 routes, those over
// IPv6 carry IPv6 routes.
struct Peer {
  std::string host;  // The collector: "rrc00.ripe.net".
  IpPrefix address;
  uint32_t asn = 0;
  std::optional<IpPrefix> link_local;  // Its second next hop, if it has one.
};

// A prefix and the AS that owns it.
struct Route {
  IpPrefix prefix;
  uint32_t origin = 0;
};

// The made-up Internet of the scenario: only addresses and AS numbers that are
// reserved for documentation (RFC 5737, 3849, 5398), and 10.0.0.0/8 for a table
// that is larger than those allow. Always the same.
struct Network {
  std::vector<Peer> peers;

  // What incidents befall: 192.0.2.0/24 (AS64496), 198.51.100.0/24 (AS64497),
  // 203.0.113.0/24 (AS64498), 2001:db8:1000::/36 (AS64499) and
  // 2001:db8:2000::/36 (AS65536).
  std::vector<Route> watched;

  // What makes the noise, and never comes from a wrong origin. IPv4 first.
  std::vector<Route> background;

  std::vector<uint32_t> transits;   // Between a peer and an origin.
  std::vector<uint32_t> offenders;  // Seen as origins in hijacks alone.
};

Network DocumentationNetwork();

}  // namespace weir::sim

#endif  // WEIR_SIM_NETWORK_H_
