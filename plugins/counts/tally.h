#ifndef WEIR_PLUGINS_COUNTS_TALLY_H_
#define WEIR_PLUGINS_COUNTS_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/address.h"
#include "weir/bgp.h"
#include "weir/sdk.h"

namespace weir {

// Counts messages and the prefixes in them: in all, by type, by collector and
// by peer. Its memory is bounded, whatever arrives. Not thread-safe.
class Tally {
 public:
  // More collectors than RIS and RouteViews have together; of more types than
  // any source has, each; and peers several times over. What comes after them
  // is counted under "other" ("OTHER" for types), and in the totals as always.
  static constexpr size_t kMaxCollectors = 64;
  static constexpr size_t kMaxTypes = 64;
  static constexpr size_t kMaxPeers = 16384;
  // A longer name is counted under "other", too.
  static constexpr size_t kMaxNameBytes = 64;

  void Count(Message message);

  uint64_t messages() const { return total_.messages; }

  // One JSON object; README.md shows it. At most 60 KiB with 50 `top_peers`.
  // `name_of` turns a type's number into its name.
  std::string ToJson(const std::function<std::string_view(uint16_t)>& name_of,
                     size_t top_peers, bool is_final) const;

 private:
  struct Counts {
    uint64_t messages = 0;
    uint64_t announced_v4 = 0;
    uint64_t announced_v6 = 0;
    uint64_t withdrawn_v4 = 0;
    uint64_t withdrawn_v6 = 0;

    void Add(const Counts& more);
  };

  struct PeerKey {
    uint32_t collector;  // Index into collectors_.
    bgp::Address address;
    bool operator==(const PeerKey&) const = default;
  };
  struct PeerKeyHash {
    size_t operator()(const PeerKey& key) const {
      return std::hash<bgp::Address>()(key.address) * 31 + key.collector;
    }
  };
  struct Peer {
    uint32_t asn = 0;
    Counts counts;
  };
  struct Collector {
    std::string name;
    Counts counts;
  };
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>()(name);
    }
  };

  uint32_t CollectorIndex(std::string_view name);

  Counts total_;
  std::vector<uint64_t> types_;  // Messages, by the type's number.
  // The first one is "other".
  std::vector<Collector> collectors_ = {{"other", {}}};
  std::unordered_map<std::string, uint32_t, NameHash, std::equal_to<>>
      collector_index_;
  std::unordered_map<PeerKey, Peer, PeerKeyHash> peers_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_COUNTS_TALLY_H_
