#include "plugins/counts/tally.h"

#include <algorithm>
#include <map>
#include <span>

#include "plugins/support/json_text.h"
#include "weir/message_fields.h"

namespace weir {

namespace {

// Whether `name` can stand in a summary without making it too long.
bool IsShort(std::string_view name) {
  return !name.empty() && name.size() <= Tally::kMaxNameBytes &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) {
           return c < 0x20;  // Six bytes each in JSON.
         });
}

uint64_t CountV4(std::span<const weir_prefix> prefixes) {
  return static_cast<uint64_t>(
      std::count_if(prefixes.begin(), prefixes.end(),
                    [](const weir_prefix& p) { return p.family == 4; }));
}

}  // namespace

void Tally::Counts::Add(const Counts& more) {
  messages += more.messages;
  announced_v4 += more.announced_v4;
  announced_v6 += more.announced_v6;
  withdrawn_v4 += more.withdrawn_v4;
  withdrawn_v6 += more.withdrawn_v6;
}

uint32_t Tally::CollectorIndex(std::string_view name) {
  const auto found = collector_index_.find(name);
  if (found != collector_index_.end()) return found->second;
  if (collectors_.size() >= kMaxCollectors || !IsShort(name)) return 0;
  const auto index = static_cast<uint32_t>(collectors_.size());
  collectors_.push_back({std::string(name), {}});
  collector_index_.emplace(name, index);
  return index;
}

void Tally::Count(Message message) {
  const bgp::Update update(message);
  const auto announced = update.announced();
  const auto withdrawn = update.withdrawn();
  Counts more;
  more.messages = 1;
  more.announced_v4 = CountV4(announced);
  more.announced_v6 = announced.size() - more.announced_v4;
  more.withdrawn_v4 = CountV4(withdrawn);
  more.withdrawn_v6 = withdrawn.size() - more.withdrawn_v4;

  total_.Add(more);
  if (types_.size() <= message.type_id()) types_.resize(message.type_id() + 1u);
  ++types_[message.type_id()];

  const std::string_view name = update.collector();
  const auto address = update.peer();
  if (name.empty() && !address) return;  // Not of a route collector.
  const uint32_t collector = CollectorIndex(name);
  collectors_[collector].counts.Add(more);

  if (!address) return;
  const PeerKey key = {collector, *address};
  auto peer = peers_.find(key);
  if (peer == peers_.end()) {
    if (peers_.size() >= kMaxPeers) return;
    peer = peers_.emplace(key, Peer{}).first;
  }
  peer->second.asn = update.peer_asn();
  peer->second.counts.Add(more);
}

std::string Tally::ToJson(
    const std::function<std::string_view(uint16_t)>& name_of, size_t top_peers,
    bool is_final) const {
  JsonText json;
  const auto write = [&](const Counts& counts) {
    json.Key("announced_v4").Number(counts.announced_v4);
    json.Key("announced_v6").Number(counts.announced_v6);
    json.Key("withdrawn_v4").Number(counts.withdrawn_v4);
    json.Key("withdrawn_v6").Number(counts.withdrawn_v6);
  };

  std::map<std::string, uint64_t> types;
  for (size_t id = 0; id < types_.size(); ++id) {
    if (types_[id] == 0) continue;
    const std::string_view name = name_of(static_cast<uint16_t>(id));
    const bool fits = IsShort(name) && types.size() < kMaxTypes - 1;
    types[fits ? std::string(name) : "OTHER"] += types_[id];
  }

  json.Begin('{').Key("messages").Number(total_.messages);
  json.Key("types").Begin('{');
  for (const auto& [name, messages] : types) json.Key(name).Number(messages);
  json.End('}');
  write(total_);

  json.Key("collectors").Begin('{');
  for (const Collector& collector : collectors_) {
    if (collector.counts.messages == 0) continue;
    json.Key(collector.name).Begin('{');
    json.Key("messages").Number(collector.counts.messages);
    write(collector.counts);
    json.End('}');
  }
  json.End('}');

  std::vector<const std::pair<const PeerKey, Peer>*> peers;
  peers.reserve(peers_.size());
  for (const auto& peer : peers_) peers.push_back(&peer);
  const size_t shown = std::min(top_peers, peers.size());
  std::partial_sort(peers.begin(),
                    peers.begin() + static_cast<std::ptrdiff_t>(shown),
                    peers.end(), [](const auto* a, const auto* b) {
                      // Address and collector make the order complete.
                      const uint64_t x = a->second.counts.messages;
                      const uint64_t y = b->second.counts.messages;
                      if (x != y) return x > y;
                      if (a->first.address != b->first.address) {
                        return a->first.address < b->first.address;
                      }
                      return a->first.collector < b->first.collector;
                    });
  json.Key("peers").Number(peers.size());
  json.Key("top_peers").Begin('[');
  for (size_t i = 0; i < shown; ++i) {
    const auto& [key, peer] = *peers[i];
    json.Begin('{').Key("collector").Text(collectors_[key.collector].name);
    json.Key("peer").Text(key.address.ToString());
    json.Key("peer_asn").Number(peer.asn);
    json.Key("messages").Number(peer.counts.messages);
    write(peer.counts);
    json.End('}');
  }
  json.End(']').Key("final").Bool(is_final).End('}');
  return json.text();
}

}  // namespace weir
