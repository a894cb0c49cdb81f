#include "host/sink/event_json.h"

#include <google/protobuf/util/json_util.h>
#include <openssl/evp.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// The namespace of event IDs: the UUID of version 5 of "weir.v1.Event" in the
// namespace of DNS names.
constexpr absl::string_view kNamespace = "51de4d02388e500184e341679f07e464";

}  // namespace

std::string EventToJson(const v1::Event& event) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!event.has_json()) {
    // What an Any holds is known to nobody here; it goes as it came.
    v1::Event known = event;
    if (known.has_proto()) {
      known.set_data_schema(known.proto().type_url());
      known.set_binary(std::string(event.proto().value()));
    }
    (void)google::protobuf::util::MessageToJsonString(known, &json, options);
    return json;
  }
  v1::Event head = event;
  head.clear_json();
  (void)google::protobuf::util::MessageToJsonString(head, &json, options);
  json.pop_back();
  absl::StrAppend(&json, json.size() > 1 ? "," : "", "\"data\":", event.json(),
                  "}");
  return json;
}

std::string EventUuid(absl::string_view id) {
  const std::string name = absl::StrCat(absl::HexStringToBytes(kNamespace), id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_Digest(name.data(), name.size(), hash.data(), &size, EVP_sha1(), nullptr);
  hash[6] = static_cast<unsigned char>((hash[6] & 0x0f) | 0x50);  // Version 5,
  hash[8] = static_cast<unsigned char>((hash[8] & 0x3f) | 0x80);  // RFC 4122.
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), 16));
  const absl::string_view text(hex);
  return absl::StrCat(text.substr(0, 8), "-", text.substr(8, 4), "-",
                      text.substr(12, 4), "-", text.substr(16, 4), "-",
                      text.substr(20));
}

}  // namespace weir
