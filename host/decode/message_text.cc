#include "host/decode/message_text.h"

#include <arpa/inet.h>
#include <simdjson.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "host/pipeline/name_table.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

const weir_field* Find(const weir_msg& view, unsigned key) {
  for (uint32_t i = 0; i < view.n_fields; ++i) {
    if (view.fields[i].key == key) return &view.fields[i];
  }
  return nullptr;
}

// `label` and the number in the field `key`, empty if there is none.
std::string Number(const weir_msg& view, unsigned key,
                   absl::string_view label) {
  const weir_field* const field = Find(view, key);
  if (field == nullptr) return {};
  return absl::StrCat(label, uint64_t{field->len} << 32 | field->off);
}

std::string Text(const weir_msg& view, unsigned key, absl::string_view label) {
  const weir_field* const field = Find(view, key);
  if (field == nullptr) return {};
  return absl::StrCat(
      label,
      absl::string_view(reinterpret_cast<const char*>(view.base + field->off),
                        field->len));
}

std::string Peer(const weir_msg& view) {
  const weir_field* const field = Find(view, WEIR_FIELD_BGP_PEER);
  if (field == nullptr) return {};
  const auto& peer =
      *reinterpret_cast<const weir_address*>(view.base + field->off);
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(peer.family == 4 ? AF_INET : AF_INET6, peer.bytes, text,
            sizeof(text));
  return absl::StrCat(" from ", text);
}

}  // namespace

std::string DescribeSession(const Message& message) {
  const weir_msg& view = message.view;
  const std::string who =
      absl::StrCat(Peer(view), Number(view, WEIR_FIELD_BGP_PEER_ASN, " AS"),
                   Text(view, WEIR_FIELD_BGP_COLLECTOR, " at "));
  if (view.type_id == kTypeOpen) {
    return absl::StrCat("OPEN", Text(view, WEIR_FIELD_BGP_DIRECTION, " "), who,
                        Number(view, WEIR_FIELD_BGP_ASN, ", AS"),
                        Number(view, WEIR_FIELD_BGP_HOLD_TIME, ", hold time "),
                        Text(view, WEIR_FIELD_BGP_ROUTER_ID, ", router "));
  }
  return absl::StrCat("NOTIFICATION", who,
                      Number(view, WEIR_FIELD_BGP_NOTIFY_CODE, ", code "),
                      Number(view, WEIR_FIELD_BGP_NOTIFY_SUBCODE, " subcode "));
}

}  // namespace weir
