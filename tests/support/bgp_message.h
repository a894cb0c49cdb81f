#ifndef WEIR_TESTS_SUPPORT_BGP_MESSAGE_H_
#define WEIR_TESTS_SUPPORT_BGP_MESSAGE_H_

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "weir/address.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"
#include "weir/prefix.h"

namespace weir {

// A BGP message built by hand, as a decoder would have made it:
//
//   BgpMessage().From("rrc00", "192.0.2.1", 64499)
//       .Path({64499, 64496})
//       .Announce("198.51.100.0/24", "192.0.2.1")
//       .view()
//
// Throws std::invalid_argument at a text that is no address or prefix: the test
// is wrong. Each part is set once at most, but for Announce and Withdraw.
class BgpMessage {
 public:
  // The types that hosts number first, in their order.
  static std::vector<std::string> TypeNames() {
    return {"OTHER", "RAW", "UPDATE", "KEEPALIVE", "STATE", "OPEN"};
  }
  enum Type : uint16_t { kOther, kRaw, kUpdate, kKeepalive, kState, kOpen };

  explicit BgpMessage(uint16_t type_id = kUpdate) {
    view_.struct_size = sizeof(view_);
    view_.type_id = type_id;
  }

  BgpMessage& From(std::string_view collector, std::string_view peer,
                   uint32_t peer_asn) {
    AddText(WEIR_FIELD_BGP_COLLECTOR, collector);
    const bgp::Address parsed = ParseAddress(peer);
    weir_address address = {};
    address.family = static_cast<uint8_t>(parsed.family());
    std::memcpy(address.bytes, parsed.bytes().data(), 16);
    AddArray(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS, std::vector{address});
    return AddNumber(WEIR_FIELD_BGP_PEER_ASN, peer_asn);
  }
  BgpMessage& Id(std::string_view id) { return AddText(WEIR_FIELD_BGP_ID, id); }
  BgpMessage& State(std::string_view state) {
    return AddText(WEIR_FIELD_BGP_STATE, state);
  }
  BgpMessage& Med(uint32_t med) { return AddNumber(WEIR_FIELD_BGP_MED, med); }
  BgpMessage& Communities(const std::vector<uint32_t>& communities) {
    return AddArray(WEIR_FIELD_BGP_COMMUNITIES, WEIR_KIND_U32_ARRAY,
                    communities);
  }
  BgpMessage& Path(const std::vector<uint32_t>& numbers,
                   const std::vector<weir_range>& sets = {}) {
    AddArray(WEIR_FIELD_BGP_PATH, WEIR_KIND_U32_ARRAY, numbers);
    return AddArray(WEIR_FIELD_BGP_PATH_SETS, WEIR_KIND_RANGE, sets);
  }
  BgpMessage& Announce(std::string_view prefix, std::string_view next_hop) {
    weir_prefix announced = ParsePrefix(prefix);
    announced.next_hop = static_cast<uint16_t>(next_hops_.size());
    announced_.push_back(announced);
    const bgp::Address parsed = ParseAddress(next_hop);
    weir_next_hop hop = {};
    hop.family = static_cast<uint8_t>(parsed.family());
    std::memcpy(hop.bytes, parsed.bytes().data(), 16);
    next_hops_.push_back(hop);
    return *this;
  }
  BgpMessage& Withdraw(std::string_view prefix) {
    withdrawn_.push_back(ParsePrefix(prefix));
    return *this;
  }
  // When it happened and was read; seconds since 1970.
  BgpMessage& At(int64_t seconds) {
    view_.ts_ns = view_.recv_ns = seconds * 1'000'000'000;
    return *this;
  }

  // Valid until the BgpMessage is changed, asked again, or gone.
  const weir_msg* view() {
    AddArray(WEIR_FIELD_BGP_ANNOUNCED, WEIR_KIND_PREFIX, announced_);
    AddArray(WEIR_FIELD_BGP_WITHDRAWN, WEIR_KIND_PREFIX, withdrawn_);
    AddArray(WEIR_FIELD_BGP_NEXT_HOPS, WEIR_KIND_NEXT_HOP, next_hops_);
    announced_.clear();
    withdrawn_.clear();
    next_hops_.clear();
    view_.base = data_.data();
    view_.data_len = static_cast<uint32_t>(data_.size());
    view_.fields = fields_.data();
    view_.n_fields = static_cast<uint32_t>(fields_.size());
    return &view_;
  }

 private:
  static bgp::Address ParseAddress(std::string_view text) {
    const auto address = bgp::Address::Parse(text);
    if (!address) throw std::invalid_argument(std::string(text));
    return *address;
  }
  static weir_prefix ParsePrefix(std::string_view text) {
    std::string why;
    const auto prefix = bgp::Prefix::Parse(text, &why);
    if (!prefix) throw std::invalid_argument(why);
    return prefix->raw();
  }

  BgpMessage& AddNumber(uint16_t key, uint64_t number) {
    fields_.push_back({key, WEIR_KIND_UINT, 0, static_cast<uint32_t>(number),
                       static_cast<uint32_t>(number >> 32), 1});
    return *this;
  }
  BgpMessage& AddText(uint16_t key, std::string_view text) {
    return AddBytes(key, WEIR_KIND_STRING, text.data(), text.size(), 1);
  }
  template <typename T>
  BgpMessage& AddArray(uint16_t key, uint8_t kind,
                       const std::vector<T>& elements) {
    if (elements.empty()) return *this;
    return AddBytes(key, kind, elements.data(), elements.size() * sizeof(T),
                    elements.size());
  }
  BgpMessage& AddBytes(uint16_t key, uint8_t kind, const void* bytes,
                       size_t length, size_t count) {
    data_.resize((data_.size() + 7) / 8 * 8);  // Aligned for any element.
    fields_.push_back({key, kind, 0, static_cast<uint32_t>(data_.size()),
                       static_cast<uint32_t>(length),
                       static_cast<uint32_t>(count)});
    const auto* begin = static_cast<const uint8_t*>(bytes);
    data_.insert(data_.end(), begin, begin + length);
    return *this;
  }

  weir_msg view_ = {};
  std::vector<weir_prefix> announced_;
  std::vector<weir_prefix> withdrawn_;
  std::vector<weir_next_hop> next_hops_;
  std::vector<weir_field> fields_;
  std::vector<uint8_t> data_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_BGP_MESSAGE_H_
