#include "host/rpc/page_token.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

using Filters = google::protobuf::RepeatedPtrField<v1::EventFilter>;

// FNV-1a: a token outlives a restart of the host, so it must be the same in
// every process. It keeps accidents out, not malice: a client that makes up a
// token gets no more than with `start`.
uint64_t Hash(absl::string_view bytes) {
  uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : bytes) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

std::string BytesOf(const Filters& filters) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);  // Labels are a map.
  for (const v1::EventFilter& filter : filters) {
    coded.WriteVarint32(static_cast<uint32_t>(filter.ByteSizeLong()));
    filter.SerializeWithCachedSizes(&coded);
  }
  coded.Trim();
  return bytes;
}

}  // namespace

std::string MakePageToken(absl::string_view cursor, const Filters& filters) {
  const uint64_t hash = Hash(absl::StrCat(cursor, "\n", BytesOf(filters)));
  return absl::StrCat(cursor, ".", absl::Hex(hash, absl::kZeroPad16));
}

absl::StatusOr<std::string> CursorOfPageToken(absl::string_view token,
                                              const Filters& filters) {
  const absl::string_view cursor = token.substr(0, token.rfind('.'));
  if (MakePageToken(cursor, filters) == token) return std::string(cursor);
  const std::string value = absl::Utf8SafeCHexEscape(token.substr(0, 64));
  const std::string fault = absl::StrCat(
      "\"", value,
      "\" is not the next_page_token of a page with these filters; repeat the "
      "filters, or begin anew without a token");
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("page_token: ", fault),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", "page_token"}, {"value", value}},
                    .field_violations = {{"page_token", fault}}});
}

}  // namespace weir
