#ifndef WEIR_PLUGINS_ORIGIN_WATCH_ALARMS_H_
#define WEIR_PLUGINS_ORIGIN_WATCH_ALARMS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/origin_watch/watch_list.h"
#include "weir/address.h"
#include "weir/prefix.h"

namespace weir {

// One prefix that came from an origin that it should not come from, from the
// first peer that says so until the last one no longer does.
struct Alarm {
  bgp::Prefix prefix;
  const Watched* watched;
  Origin origin;
  int64_t first_ns = 0;     // When it was first seen,
  int64_t last_ns = 0;      // seen last,
  int64_t told_ns = 0;      // and told last; 0: not yet.
  uint32_t peers_now = 0;   // Peers that have such a route.
  uint32_t peers_seen = 0;  // Peers that ever had one in this time.

  std::vector<uint64_t> holders;  // A bit for each of peers_now,
  std::vector<uint64_t> seen;     // and for each of peers_seen.
};

// Remembers which peers have which unexpected route, so that each is told once,
// and its end, too. A peer has one route to a prefix: announcing it anew
// replaces what it said before, and a session that goes down takes all with it.
//
// Memory is bounded: over `max_alarms`, the one that was seen least recently is
// forgotten; peers over kMaxPeers are one and the same. Not thread-safe.
class Alarms {
 public:
  // RIS has about 1,500 peers. At this many, an alarm takes 2 KiB.
  static constexpr uint32_t kMaxPeers = 8192;

  // `ended` is called with an alarm that no peer has any more, and with why:
  // "withdrawn", "replaced" or "peer_down".
  using Ended = std::function<void(const Alarm&, std::string_view why)>;

  Alarms(size_t max_alarms, Ended ended)
      : max_alarms_(max_alarms), ended_(std::move(ended)) {}

  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

  // The number of a collector's neighbour, below kMaxPeers.
  uint32_t PeerIndex(std::string_view collector, const bgp::Address& peer);

  // `peer` announced `prefix` from an unexpected origin. Returns the alarm, for
  // the caller to tell; valid until the next call.
  Alarm& Announced(uint32_t peer, const bgp::Prefix& prefix,
                   const Watched& watched, const Origin& origin,
                   int64_t time_ns);

  // `peer` has no such route any more: it announced the prefix from an origin
  // that is expected, or withdrew it.
  void Gone(uint32_t peer, const bgp::Prefix& prefix, std::string_view why);

  // All routes of `peer` are gone.
  void PeerDown(uint32_t peer);

  bool empty() const { return alarms_.empty(); }
  size_t size() const { return alarms_.size(); }
  // How many were forgotten, for want of room. Monotonic.
  uint64_t forgotten() const { return forgotten_; }

 private:
  using List = std::list<Alarm>;

  // Lets go of the hold of `peer`; ends the alarm if it was the last one.
  void Release(List::iterator alarm, uint32_t peer, std::string_view why);
  void Forget(List::iterator alarm);

  const size_t max_alarms_;
  const Ended ended_;
  List alarms_;  // The one that was seen least recently first.
  std::unordered_map<bgp::Prefix, std::vector<List::iterator>> by_prefix_;
  std::unordered_map<std::string, uint32_t> peers_;  // By address, collector.
  uint64_t forgotten_ = 0;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_ORIGIN_WATCH_ALARMS_H_
