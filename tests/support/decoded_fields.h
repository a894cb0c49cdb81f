#ifndef WEIR_TESTS_SUPPORT_DECODED_FIELDS_H_
#define WEIR_TESTS_SUPPORT_DECODED_FIELDS_H_

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {

// Reads the fields of a message in the words of a test. Believes what the field
// says of its place.
class DecodedFields {
 public:
  explicit DecodedFields(const weir_msg& view) : view_(view) {}

  const weir_field* Find(unsigned key) const {
    for (uint32_t i = 0; i < view_.n_fields; ++i) {
      if (view_.fields[i].key == key) return &view_.fields[i];
    }
    return nullptr;
  }

  std::optional<uint64_t> Uint(unsigned key) const {
    const weir_field* const field = Find(key);
    if (field == nullptr) return std::nullopt;
    return uint64_t{field->len} << 32 | field->off;
  }

  std::optional<std::string> Text(unsigned key) const {
    const weir_field* const field = Find(key);
    if (field == nullptr) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(view_.base) + field->off,
                       field->len);
  }

  template <typename T>
  std::vector<T> Array(unsigned key) const {
    const weir_field* const field = Find(key);
    if (field == nullptr) return {};
    const auto* first = reinterpret_cast<const T*>(view_.base + field->off);
    return std::vector<T>(first, first + field->count);
  }

  // "192.0.2.1"; empty if there is none.
  std::string Address(unsigned key) const {
    const auto addresses = Array<weir_address>(key);
    return addresses.empty()
               ? ""
               : AddressText(addresses[0].family, addresses[0].bytes);
  }

  // "192.0.2.0/24>0": the prefix, and which next hop it has, if any.
  std::vector<std::string> Prefixes(unsigned key) const {
    std::vector<std::string> result;
    for (const weir_prefix& prefix : Array<weir_prefix>(key)) {
      std::string text = absl::StrCat(AddressText(prefix.family, prefix.bytes),
                                      "/", static_cast<int>(prefix.length));
      if (prefix.next_hop != WEIR_NO_NEXT_HOP) {
        absl::StrAppend(&text, ">", prefix.next_hop);
      }
      result.push_back(text);
    }
    return result;
  }

  // "2001:db8::1 fe80::1", or without the link-local address if there is none.
  std::vector<std::string> NextHops() const {
    std::vector<std::string> result;
    for (const auto& hop : Array<weir_next_hop>(WEIR_FIELD_BGP_NEXT_HOPS)) {
      std::string text = AddressText(hop.family, hop.bytes);
      if (hop.link_local_set != 0) {
        absl::StrAppend(&text, " ", AddressText(6, hop.link_local));
      }
      result.push_back(text);
    }
    return result;
  }

  // "64496 [64497 64498] 64499": AS_SETs in brackets.
  std::string Path() const {
    const auto asns = Array<uint32_t>(WEIR_FIELD_BGP_PATH);
    const auto sets = Array<weir_range>(WEIR_FIELD_BGP_PATH_SETS);
    std::string text;
    for (size_t i = 0; i <= asns.size(); ++i) {
      for (const weir_range& set : sets) {
        if (set.end == i && set.begin < i) text += "]";
      }
      if (i > 0 && i < asns.size()) text += " ";
      for (const weir_range& set : sets) {
        if (set.begin != i) continue;
        text += set.end != i ? "[" : i < asns.size() ? "[] " : "[]";
      }
      if (i < asns.size()) absl::StrAppend(&text, asns[i]);
    }
    return text;
  }

 private:
  static std::string AddressText(int family, const uint8_t* bytes) {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
    return text;
  }

  const weir_msg& view_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_DECODED_FIELDS_H_
