#include "plugins/origin_watch/alarms.h"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

// Sets the bit; returns whether it was not set before.
bool SetBit(std::vector<uint64_t>& bits, uint32_t index) {
  if (bits.size() <= index / 64) bits.resize(index / 64 + 1);
  const uint64_t bit = uint64_t{1} << index % 64;
  const bool is_new = (bits[index / 64] & bit) == 0;
  bits[index / 64] |= bit;
  return is_new;
}

// Clears the bit; returns whether it was set before.
bool ClearBit(std::vector<uint64_t>& bits, uint32_t index) {
  if (bits.size() <= index / 64) return false;
  const uint64_t bit = uint64_t{1} << index % 64;
  const bool was_set = (bits[index / 64] & bit) != 0;
  bits[index / 64] &= ~bit;
  return was_set;
}

}  // namespace

uint32_t Alarms::PeerIndex(std::string_view collector,
                           const bgp::Address& peer) {
  std::string key(1, static_cast<char>(peer.family()));
  key.append(peer.bytes().begin(), peer.bytes().end());
  key += collector;
  const auto found = peers_.find(key);
  if (found != peers_.end()) return found->second;
  if (peers_.size() >= kMaxPeers - 1) return kMaxPeers - 1;
  const auto index = static_cast<uint32_t>(peers_.size());
  peers_.emplace(std::move(key), index);
  return index;
}

Alarm& Alarms::Announced(uint32_t peer, const bgp::Prefix& prefix,
                         const Watched& watched, const Origin& origin,
                         int64_t time_ns) {
  List::iterator alarm = alarms_.end();
  if (const auto found = by_prefix_.find(prefix); found != by_prefix_.end()) {
    // A copy: what is replaced may end, and changes the vector.
    for (const List::iterator other : std::vector(found->second)) {
      if (other->origin == origin) {
        alarm = other;
      } else {
        Release(other, peer, "replaced");
      }
    }
  }
  if (alarm == alarms_.end()) {
    if (alarms_.size() >= max_alarms_) {
      ++forgotten_;
      Forget(alarms_.begin());
    }
    alarm = alarms_.insert(alarms_.end(), Alarm{prefix, &watched, origin});
    alarm->first_ns = time_ns;
    by_prefix_[prefix].push_back(alarm);
  } else {
    alarms_.splice(alarms_.end(), alarms_, alarm);
  }
  alarm->last_ns = time_ns;
  alarm->peers_now += SetBit(alarm->holders, peer) ? 1 : 0;
  alarm->peers_seen += SetBit(alarm->seen, peer) ? 1 : 0;
  return *alarm;
}

void Alarms::Gone(uint32_t peer, const bgp::Prefix& prefix,
                  std::string_view why) {
  const auto found = by_prefix_.find(prefix);
  if (found == by_prefix_.end()) return;
  for (const List::iterator alarm : std::vector(found->second)) {
    Release(alarm, peer, why);
  }
}

void Alarms::PeerDown(uint32_t peer) {
  for (auto alarm = alarms_.begin(); alarm != alarms_.end();) {
    Release(alarm++, peer, "peer_down");
  }
}

void Alarms::Release(List::iterator alarm, uint32_t peer,
                     std::string_view why) {
  if (!ClearBit(alarm->holders, peer)) return;
  if (--alarm->peers_now > 0) return;
  ended_(*alarm, why);
  Forget(alarm);
}

void Alarms::Forget(List::iterator alarm) {
  const auto found = by_prefix_.find(alarm->prefix);
  std::erase(found->second, alarm);
  if (found->second.empty()) by_prefix_.erase(found);
  alarms_.erase(alarm);
}

}  // namespace weir
