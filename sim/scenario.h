#ifndef WEIR_SIM_SCENARIO_H_
#define WEIR_SIM_SCENARIO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sim/incident.h"
#include "sim/message_counts.h"
#include "sim/message_maker.h"
#include "sim/network.h"
#include "sim/ris_message.h"

namespace weir::sim {

// An endless stream of messages from a small made-up Internet, in which things
// go wrong in a known way.
//
//   message      0: every peer announces the watched prefixes
//              300: hijack.origin      of 192.0.2.0/24
//              900: outage
//            1,500: hijack.subprefix   of 192.0.2.0/24
//            2,100: flap
//            2,700: peer.loss
//            3,300: the next round, with the next prefixes; and so on
//
// An incident is over well before the next begins. Between its messages is
// noise: background prefixes announced again or withdrawn by a peer at random,
// and keepalives.
//
// Time is only stamped on: what happens is a function of the seed and of the
// number of messages so far, and so are all counts, on every machine. Not
// thread-safe.
class Scenario {
 public:
  // At the default rate of 200 a second, a first hijack after 1.5 s, and then
  // something every 3 s.
  static constexpr uint64_t kFirstIncident = 300;
  static constexpr uint64_t kIncidentSpacing = 600;

  explicit Scenario(uint64_t seed);

  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  // Returns the next message, stamped with `now_ms`, milliseconds since 1970.
  // RIS tells time in steps of 10 ms, and so does this.
  RisMessage Next(int64_t now_ms);

  // Of all messages so far.
  const MessageCounts& counts() const { return counts_; }

  // How many incidents have sent their first message.
  uint64_t incidents_begun() const { return incidents_begun_; }

  // Takes the incidents that have ended since the last call, oldest first.
  std::vector<Incident> TakeEnded();

  // The incident that has begun and not ended; there is never more than one.
  std::optional<Incident> ongoing() const;

 private:
  // A message that comes when the stream has got to its place.
  struct Planned {
    bool of_incident = false;
    RisMessage message;
    std::optional<size_t> back;  // The peer that is up again with this.
  };

  void Plan(uint64_t place, RisMessage message,
            std::optional<size_t> back = std::nullopt);
  void BeginIncident(uint64_t number);
  void PlanHijack(const Route& victim, bool sub_prefix);
  void PlanOutage(const Route& victim);
  void PlanFlap(const Route& victim);
  void PlanPeerLoss(uint64_t round);
  void PlanReturn(size_t peer, uint64_t place, const std::vector<Route>& lost);

  RisMessage Noise();
  RisMessage NoiseAnnouncement(size_t peer);
  RisMessage NoiseWithdrawal(size_t peer);
  size_t RandomBackground(size_t peer);
  std::vector<size_t> PeersFor(const IpPrefix& prefix) const;
  void Account(const Planned& planned, const RisMessage& message);

  const Network network_;
  const size_t background_v4_;  // Routes of the background before IPv6's.
  MessageMaker maker_;
  uint64_t index_ = 0;                     // Of the next message.
  std::multimap<uint64_t, Planned> plan_;  // By place; first come, first out.
  uint64_t planned_of_incident_ = 0;       // Of these, not sent yet.

  std::vector<bool> down_;                    // By peer: session lost.
  std::vector<std::vector<bool>> announced_;  // By peer and background route.

  MessageCounts counts_;
  uint64_t incidents_begun_ = 0;
  std::optional<Incident> current_;
  std::vector<Incident> ended_;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_SCENARIO_H_
