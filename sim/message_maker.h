#ifndef WEIR_SIM_MESSAGE_MAKER_H_
#define WEIR_SIM_MESSAGE_MAKER_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/ris_message.h"

namespace weir::sim {

// Makes the messages of a network's peers, with attributes as varied as those
// of the real ones: paths of different lengths, prepends, now and then an
// AS_SET, a MED above 2^31, communities, an aggregator. Everything is there but
// `timestamp_ms` and `sequence`.
//
// Equal seeds and equal calls make equal messages, on every machine. Not
// thread-safe.
class MessageMaker {
 public:
  // `network` must outlive it.
  MessageMaker(const Network& network, uint64_t seed);

  // A number in [0, bound); `bound` is 1 or more.
  size_t Random(size_t bound);

  // `peer` is its index in the network everywhere here.

  // An UPDATE: the peer has a path to `prefixes`, of its own family, that ends
  // at `origin`.
  RisMessage Announcement(size_t peer, std::vector<IpPrefix> prefixes,
                          uint32_t origin);

  // The same whose path may end in an AS_SET, too.
  RisMessage NoisyAnnouncement(size_t peer, std::vector<IpPrefix> prefixes,
                               uint32_t origin);

  // An UPDATE: the peer has lost `prefixes`.
  RisMessage Withdrawal(size_t peer, std::vector<IpPrefix> prefixes) const;

  RisMessage Keepalive(size_t peer) const;

  // The collector learned that the session is "connected", "up" or "down".
  RisMessage State(size_t peer, std::string state) const;

  // One side's OPEN, the collector's or the peer's.
  RisMessage Open(size_t peer, bool sent_by_collector) const;

  // "Cease, administrative shutdown" (RFC 4486), from the peer.
  RisMessage Notification(size_t peer) const;

 private:
  RisMessage From(size_t peer, RisType type) const;

  const Network& network_;
  std::mt19937_64 random_;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_MESSAGE_MAKER_H_
