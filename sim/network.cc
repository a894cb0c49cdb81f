#include "sim/network.h"

#include "absl/strings/str_cat.h"

namespace weir::sim {
namespace {

constexpr int kPeersV4 = 8;
constexpr int kPeersV6 = 4;
constexpr int kBackgroundV4 = 200;
constexpr int kBackgroundV6 = 60;

std::vector<Peer> MakePeers() {
  static constexpr const char* kHosts[] = {"rrc00.ripe.net", "rrc01.ripe.net",
                                           "rrc03.ripe.net", "rrc21.ripe.net"};
  std::vector<Peer> peers;
  for (int i = 0; i < kPeersV4; ++i) {
    peers.push_back({kHosts[i % 4],
                     IpPrefix::Of(absl::StrCat("198.51.100.", 10 + i)),
                     65540u + i, std::nullopt});
  }
  for (int i = 0; i < kPeersV6; ++i) {
    Peer peer = {kHosts[i % 4],
                 IpPrefix::Of(absl::StrCat("2001:db8:ffff::", 1 + i)),
                 65540u + i, std::nullopt};
    // Half of them sit on an exchange's LAN and name both their addresses.
    if (i % 2 == 0) {
      peer.link_local = IpPrefix::Of(absl::StrCat("fe80::5eff:fe00:", 1 + i));
    }
    peers.push_back(peer);
  }
  return peers;
}

std::vector<Route> MakeBackground() {
  static constexpr uint32_t kOrigins[] = {64500, 64501, 64502, 64503,
                                          65537, 65538, 65539};
  std::vector<Route> routes;
  for (int i = 0; i < kBackgroundV4; ++i) {
    routes.push_back(
        {IpPrefix::Of(absl::StrCat("10.", i / 50, ".", i % 50, ".0/24")),
         kOrigins[i % 7]});
  }
  for (int i = 0; i < kBackgroundV6; ++i) {
    routes.push_back(
        {IpPrefix::Of(absl::StrCat("2001:db8:", 8000 + i, "::/48")),
         kOrigins[i % 7]});
  }
  return routes;
}

}  // namespace

Network DocumentationNetwork() {
  return {
      .peers = MakePeers(),
      .watched = {{IpPrefix::Of("192.0.2.0/24"), 64496},
                  {IpPrefix::Of("198.51.100.0/24"), 64497},
                  {IpPrefix::Of("203.0.113.0/24"), 64498},
                  {IpPrefix::Of("2001:db8:1000::/36"), 64499},
                  {IpPrefix::Of("2001:db8:2000::/36"), 65536}},
      .background = MakeBackground(),
      .transits = {64504, 64505, 64506, 64507, 64508, 64509},
      .offenders = {64510, 64511, 65550, 65551},
  };
}

}  // namespace weir::sim
