#ifndef WEIR_BGP_H_
#define WEIR_BGP_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/address.h"
#include "weir/as_path.h"
#include "weir/message_fields.h"
#include "weir/prefix.h"
#include "weir/prefix_map.h"
#include "weir/sdk.h"

// BGP's own vocabulary for plugins: what a message says, with types, and the
// values that a plugin keeps. Header-only, like the rest of the SDK.
//
//   void HandleMessage(weir::Message message) {
//     const weir::bgp::Update update(message);
//     for (const weir_prefix& announced : update.announced()) {
//       const weir::bgp::Prefix prefix(announced);
//       if (const auto [rule, key] = rules_.LongestMatch(prefix); rule) ...
//     }
//   }

namespace weir::bgp {

// A BGP message as a route collector tells it. A view: valid until
// HandleMessage returns. Whatever a message does not have is empty, so it may
// be laid over any message at all.
class Update {
 public:
  explicit Update(Message message) : message_(message) {}

  // "rrc01.ripe.net"
  std::string_view collector() const {
    return message_.text(WEIR_FIELD_BGP_COLLECTOR);
  }

  // The source's own ID of the message.
  std::string_view id() const { return message_.text(WEIR_FIELD_BGP_ID); }

  // The collector's neighbour, whose table this is.
  std::optional<Address> peer() const {
    const auto peers =
        message_.array<weir_address>(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS);
    if (peers.empty()) return std::nullopt;
    return Address(peers[0]);
  }
  // 0 if the source does not say.
  uint32_t peer_asn() const {
    return static_cast<uint32_t>(message_.number(WEIR_FIELD_BGP_PEER_ASN));
  }

  AsPath path() const {
    return {
        message_.array<uint32_t>(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY),
        message_.array<weir_range>(WEIR_FIELD_BGP_PATH_SETS, WEIR_KIND_RANGE)};
  }

  // The AS that originated the routes; see AsPath::origin.
  std::optional<uint32_t> origin_asn() const { return path().origin(); }

  // Each as asn << 16 | value.
  std::span<const uint32_t> communities() const {
    return message_.array<uint32_t>(WEIR_FIELD_BGP_COMMUNITIES,
                                    WEIR_KIND_U32_ARRAY);
  }

  std::optional<uint32_t> med() const {
    if (message_.field(WEIR_FIELD_BGP_MED) == nullptr) return std::nullopt;
    return static_cast<uint32_t>(message_.number(WEIR_FIELD_BGP_MED));
  }

  // What is announced and withdrawn; Prefix(announced()[0]) is the value to
  // keep.
  std::span<const weir_prefix> announced() const {
    return message_.array<weir_prefix>(WEIR_FIELD_BGP_ANNOUNCED,
                                       WEIR_KIND_PREFIX);
  }
  std::span<const weir_prefix> withdrawn() const {
    return message_.array<weir_prefix>(WEIR_FIELD_BGP_WITHDRAWN,
                                       WEIR_KIND_PREFIX);
  }

  std::span<const weir_next_hop> next_hops() const {
    return message_.array<weir_next_hop>(WEIR_FIELD_BGP_NEXT_HOPS,
                                         WEIR_KIND_NEXT_HOP);
  }
  // Where traffic to one of announced() goes.
  std::optional<Address> next_hop(const weir_prefix& announced) const {
    const auto hops = next_hops();
    if (announced.next_hop >= hops.size()) return std::nullopt;
    const weir_next_hop& hop = hops[announced.next_hop];
    return Address(hop.family, hop.bytes);
  }

  // Of a STATE message: "connected", "up", "down". Empty for all others.
  std::string_view state() const { return message_.text(WEIR_FIELD_BGP_STATE); }

 private:
  Message message_;
};

}  // namespace weir::bgp

#endif  // WEIR_BGP_H_
