#include "sim/message_maker.h"

#include <algorithm>
#include <utility>

namespace weir::sim {

MessageMaker::MessageMaker(const Network& network, uint64_t seed)
    : network_(network), random_(seed) {}

// Not std::uniform_int_distribution, which each standard library does in its
// own way. The bias of the remainder is far below what anyone could notice.
size_t MessageMaker::Random(size_t bound) { return random_() % bound; }

RisMessage MessageMaker::From(size_t peer, RisType type) const {
  const Peer& from = network_.peers[peer];
  RisMessage message;
  message.peer = from.address.Address();
  message.peer_asn = from.asn;
  message.host = from.host;
  message.type = type;
  return message;
}

RisMessage MessageMaker::Announcement(size_t peer,
                                      std::vector<IpPrefix> prefixes,
                                      uint32_t origin) {
  RisMessage message = From(peer, RisType::kUpdate);
  message.path.push_back(message.peer_asn);
  const size_t first = Random(network_.transits.size());
  const size_t hops = 1 + Random(3);
  for (size_t i = 0; i < hops; ++i) {
    message.path.push_back(
        network_.transits[(first + i) % network_.transits.size()]);
  }
  const size_t times = Random(8) == 0 ? 3 : 1;
  message.path.insert(message.path.end(), times, origin);

  const size_t communities = Random(5);
  for (size_t i = 0; i < communities; ++i) {
    message.communities.emplace_back(message.path[1], 100 * i + Random(100));
  }
  const size_t luck = Random(20);
  message.origin = luck == 0   ? Origin::kEgp
                   : luck <= 3 ? Origin::kIncomplete
                               : Origin::kIgp;
  const size_t med = Random(10);
  if (med == 0) message.med = 4294967295u - Random(1000);
  if (med == 1) message.med = Random(2000);
  if (Random(20) == 0) {
    message.aggregator_asn = origin;
    message.router_id = IpPrefix::Of("203.0.113.1");
  }
  message.next_hop = network_.peers[peer].address;
  message.link_local = network_.peers[peer].link_local;
  message.announced = std::move(prefixes);
  return message;
}

RisMessage MessageMaker::NoisyAnnouncement(size_t peer,
                                           std::vector<IpPrefix> prefixes,
                                           uint32_t origin) {
  RisMessage message = Announcement(peer, std::move(prefixes), origin);
  // About as often as on the real stream: 219 of 187,747 UPDATEs.
  if (Random(800) == 0) message.path_set = {origin, origin + 1};
  return message;
}

RisMessage MessageMaker::Withdrawal(size_t peer,
                                    std::vector<IpPrefix> prefixes) const {
  RisMessage message = From(peer, RisType::kUpdate);
  message.withdrawn = std::move(prefixes);
  return message;
}

RisMessage MessageMaker::Keepalive(size_t peer) const {
  return From(peer, RisType::kKeepalive);
}

RisMessage MessageMaker::State(size_t peer, std::string state) const {
  RisMessage message = From(peer, RisType::kState);
  message.state = std::move(state);
  return message;
}

RisMessage MessageMaker::Open(size_t peer, bool sent_by_collector) const {
  RisMessage message = From(peer, RisType::kOpen);
  message.sent_by_collector = sent_by_collector;
  message.router_id = IpPrefix::Of("192.0.2.254");
  return message;
}

RisMessage MessageMaker::Notification(size_t peer) const {
  RisMessage message = From(peer, RisType::kNotification);
  message.code = 6;
  message.subcode = 2;
  return message;
}

}  // namespace weir::sim
