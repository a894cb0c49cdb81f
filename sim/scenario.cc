#include "sim/scenario.h"

#include <algorithm>
#include <utility>

namespace weir::sim {
namespace {

// Of an incident, in messages of the stream. All fits in kIncidentSpacing.
constexpr uint64_t kStep = 5;           // From one peer to the next.
constexpr uint64_t kRepairAfter = 300;  // 1.5 s at the default rate.
constexpr int kFlaps = 10;
constexpr uint64_t kFlapStep = 20;

// Prefixes in one UPDATE when a peer's table goes; far below 4,096 octets.
constexpr size_t kPrefixesPerWithdrawal = 40;

// The more specific half of `prefix` that does not start at its address.
IpPrefix UpperHalf(const IpPrefix& prefix) {
  IpPrefix half = prefix;
  half.bytes[half.length / 8] |= static_cast<uint8_t>(0x80 >> half.length % 8);
  ++half.length;
  return half;
}

}  // namespace

Scenario::Scenario(uint64_t seed)
    : network_(DocumentationNetwork()),
      background_v4_(std::count_if(
          network_.background.begin(), network_.background.end(),
          [](const Route& route) { return !route.prefix.is_v6; })),
      maker_(network_, seed),
      down_(network_.peers.size()),
      announced_(network_.peers.size(),
                 std::vector<bool>(network_.background.size())) {
  for (const Route& route : network_.watched) {
    for (const size_t peer : PeersFor(route.prefix)) {
      Plan(0, maker_.Announcement(peer, {route.prefix}, route.origin));
    }
  }
}

RisMessage Scenario::Next(int64_t now_ms) {
  if (index_ >= kFirstIncident &&
      (index_ - kFirstIncident) % kIncidentSpacing == 0) {
    BeginIncident((index_ - kFirstIncident) / kIncidentSpacing);
  }
  Planned planned;
  if (!plan_.empty() && plan_.begin()->first <= index_) {
    planned = std::move(plan_.extract(plan_.begin()).mapped());
  } else {
    planned.message = Noise();
  }
  RisMessage message = std::move(planned.message);
  message.timestamp_ms = now_ms - now_ms % 10;
  message.sequence = static_cast<uint16_t>(index_);
  ++index_;
  Account(planned, message);
  return message;
}

void Scenario::Account(const Planned& planned, const RisMessage& message) {
  counts_.Add(message);
  if (planned.back.has_value()) down_[*planned.back] = false;
  if (!planned.of_incident) return;
  if (current_->messages++ == 0) {
    current_->begin_ms = message.timestamp_ms;
    ++incidents_begun_;
  }
  if (--planned_of_incident_ > 0) return;
  current_->end_ms = message.timestamp_ms;
  ended_.push_back(*std::exchange(current_, std::nullopt));
}

std::vector<Incident> Scenario::TakeEnded() {
  return std::exchange(ended_, {});
}

std::optional<Incident> Scenario::ongoing() const {
  return current_.has_value() && current_->messages > 0 ? current_
                                                        : std::nullopt;
}

void Scenario::Plan(uint64_t place, RisMessage message,
                    std::optional<size_t> back) {
  const bool of_incident = current_.has_value();
  if (of_incident) ++planned_of_incident_;
  plan_.emplace(place, Planned{of_incident, std::move(message), back});
}

void Scenario::BeginIncident(uint64_t number) {
  const uint64_t round = number / kIncidentKinds;
  const auto victim = [&](uint64_t shift) -> const Route& {
    return network_.watched[(round + shift) % network_.watched.size()];
  };
  current_.emplace();
  current_->kind = static_cast<IncidentKind>(number % kIncidentKinds);
  switch (current_->kind) {
    case IncidentKind::kOriginHijack:
      return PlanHijack(victim(0), /*sub_prefix=*/false);
    case IncidentKind::kOutage:
      return PlanOutage(victim(1));
    case IncidentKind::kSubPrefixHijack:
      return PlanHijack(victim(0), /*sub_prefix=*/true);
    case IncidentKind::kFlap:
      return PlanFlap(victim(2));
    case IncidentKind::kPeerLoss:
      return PlanPeerLoss(round);
  }
}

// About two thirds of the peers believe the offender, and later come back.
void Scenario::PlanHijack(const Route& victim, bool sub_prefix) {
  const uint32_t offender =
      network_.offenders[maker_.Random(network_.offenders.size())];
  const IpPrefix prefix = sub_prefix ? UpperHalf(victim.prefix) : victim.prefix;
  std::vector<size_t> peers = PeersFor(victim.prefix);
  peers.resize(peers.size() * 2 / 3);

  current_->prefix = victim.prefix.ToString();
  if (sub_prefix) current_->offending_prefix = prefix.ToString();
  current_->expected_origin = victim.origin;
  current_->offending_origin = offender;
  current_->peers = peers.size();
  uint64_t place = index_;
  for (const size_t peer : peers) {
    Plan(place, maker_.Announcement(peer, {prefix}, offender));
    Plan(place + kRepairAfter,
         sub_prefix ? maker_.Withdrawal(peer, {prefix})
                    : maker_.Announcement(peer, {prefix}, victim.origin));
    place += kStep;
  }
}

void Scenario::PlanOutage(const Route& victim) {
  const std::vector<size_t> peers = PeersFor(victim.prefix);
  current_->prefix = victim.prefix.ToString();
  current_->expected_origin = victim.origin;
  current_->peers = peers.size();
  uint64_t place = index_;
  for (const size_t peer : peers) {
    Plan(place, maker_.Withdrawal(peer, {victim.prefix}));
    Plan(place + kRepairAfter,
         maker_.Announcement(peer, {victim.prefix}, victim.origin));
    place += kStep;
  }
}

void Scenario::PlanFlap(const Route& victim) {
  const std::vector<size_t> peers = PeersFor(victim.prefix);
  const size_t peer = peers[maker_.Random(peers.size())];
  current_->prefix = victim.prefix.ToString();
  current_->expected_origin = victim.origin;
  current_->peer = network_.peers[peer].address.Address();
  current_->peers = 1;
  for (int i = 0; i < kFlaps; ++i) {
    const uint64_t place = index_ + 2 * i * kFlapStep;
    Plan(place, maker_.Withdrawal(peer, {victim.prefix}));
    Plan(place + kFlapStep,
         maker_.Announcement(peer, {victim.prefix}, victim.origin));
  }
}

void Scenario::PlanPeerLoss(uint64_t round) {
  const size_t peer = round % network_.peers.size();
  current_->peer = network_.peers[peer].address.Address();
  current_->peers = 1;
  down_[peer] = true;

  std::vector<Route> lost;
  for (const Route& route : network_.watched) {
    if (route.prefix.is_v6 == network_.peers[peer].address.is_v6) {
      lost.push_back(route);
    }
  }
  for (size_t i = 0; i < network_.background.size(); ++i) {
    if (announced_[peer][i]) lost.push_back(network_.background[i]);
  }

  uint64_t place = index_;
  Plan(place++, maker_.Notification(peer));
  Plan(place++, maker_.State(peer, "down"));
  for (size_t i = 0; i < lost.size(); i += kPrefixesPerWithdrawal) {
    std::vector<IpPrefix> prefixes;
    const size_t end = std::min(lost.size(), i + kPrefixesPerWithdrawal);
    for (size_t j = i; j < end; ++j) prefixes.push_back(lost[j].prefix);
    Plan(place++, maker_.Withdrawal(peer, std::move(prefixes)));
  }
  PlanReturn(peer, index_ + kRepairAfter, lost);
}

// The session comes back, and with it all that was lost, by origin as in a
// table transfer.
void Scenario::PlanReturn(size_t peer, uint64_t place,
                          const std::vector<Route>& lost) {
  std::map<uint32_t, std::vector<IpPrefix>> by_origin;
  for (const Route& route : lost) {
    by_origin[route.origin].push_back(route.prefix);
  }
  Plan(place++, maker_.State(peer, "connected"));
  Plan(place++, maker_.Open(peer, /*sent_by_collector=*/true));
  Plan(place++, maker_.Open(peer, /*sent_by_collector=*/false));
  Plan(place++, maker_.State(peer, "up"), /*back=*/peer);
  for (auto& [origin, prefixes] : by_origin) {
    Plan(place++, maker_.Announcement(peer, std::move(prefixes), origin));
  }
}

RisMessage Scenario::Noise() {
  size_t peer = maker_.Random(network_.peers.size());
  // There is never more than one that is down.
  if (down_[peer]) peer = (peer + 1) % network_.peers.size();
  const size_t luck = maker_.Random(100);
  if (luck == 0) return maker_.Keepalive(peer);
  if (luck < 15) return NoiseWithdrawal(peer);
  RisMessage message = NoiseAnnouncement(peer);
  if (luck < 20) {
    // Both in one UPDATE, as BGP allows; never the same prefix.
    const size_t other = RandomBackground(peer);
    const IpPrefix& prefix = network_.background[other].prefix;
    if (std::find(message.announced.begin(), message.announced.end(), prefix) ==
        message.announced.end()) {
      message.withdrawn.push_back(prefix);
      announced_[peer][other] = false;
    }
  }
  return message;
}

RisMessage Scenario::NoiseAnnouncement(size_t peer) {
  const size_t first = RandomBackground(peer);
  const Route& route = network_.background[first];
  const size_t most = 1 + maker_.Random(3);
  std::vector<IpPrefix> prefixes;
  for (size_t i = first;
       i < network_.background.size() && prefixes.size() < most; ++i) {
    const Route& next = network_.background[i];
    if (next.origin != route.origin) continue;
    if (next.prefix.is_v6 != route.prefix.is_v6) continue;
    prefixes.push_back(next.prefix);
    announced_[peer][i] = true;
  }
  return maker_.NoisyAnnouncement(peer, std::move(prefixes), route.origin);
}

// A real peer now and then withdraws what it never announced; so may this one.
RisMessage Scenario::NoiseWithdrawal(size_t peer) {
  std::vector<IpPrefix> prefixes;
  const size_t most = 1 + maker_.Random(2);
  for (size_t i = 0; i < most; ++i) {
    const size_t route = RandomBackground(peer);
    const IpPrefix& prefix = network_.background[route].prefix;
    if (std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end()) {
      continue;
    }
    prefixes.push_back(prefix);
    announced_[peer][route] = false;
  }
  return maker_.Withdrawal(peer, std::move(prefixes));
}

// The index of a background route of the peer's family.
size_t Scenario::RandomBackground(size_t peer) {
  const size_t v6 = network_.background.size() - background_v4_;
  return network_.peers[peer].address.is_v6 ? background_v4_ + maker_.Random(v6)
                                            : maker_.Random(background_v4_);
}

std::vector<size_t> Scenario::PeersFor(const IpPrefix& prefix) const {
  std::vector<size_t> peers;
  for (size_t i = 0; i < network_.peers.size(); ++i) {
    if (network_.peers[i].address.is_v6 == prefix.is_v6) peers.push_back(i);
  }
  return peers;
}

}  // namespace weir::sim
