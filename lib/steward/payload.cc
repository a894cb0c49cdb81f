#include "lib/steward/payload.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/layout.h"
#include "lib/steward/message_json.h"

namespace weir::steward {
namespace {

// RFC 8878, 3.1.1.
constexpr absl::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

absl::string_view CompressionHeader(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kZstd:
      return "z";
    case Compression::kGzip:
      return "g";
  }
  return "";
}

Compression CompressionOf(const std::optional<absl::string_view>& cmp) {
  if (cmp == "z") return Compression::kZstd;
  if (cmp == "g") return Compression::kGzip;
  return Compression::kNone;
}

absl::StatusOr<DecodedMessage> DecodePacked(Compression compression,
                                            absl::string_view bytes,
                                            size_t max_bytes) {
  const absl::StatusOr<std::string> cbor =
      Decompress(compression, bytes, max_bytes);
  if (!cbor.ok()) return cbor.status();
  return DecodeMessage(*cbor);
}

}  // namespace

Payload EncodePayload(const Message& message, Profile profile,
                      Compression compression) {
  Payload payload;
  const bool by_header = profile != Profile::kC3 && profile != Profile::kC4;
  if (!by_header) compression = Compression::kZstd;
  if (profile != Profile::kS0) {
    payload.headers.emplace_back("fromNode", message.from_node);
  }
  if (by_header) {
    payload.headers.emplace_back("serial", "cbor");
    // S0 leaves the header out where nothing is packed.
    if (profile != Profile::kS0 || compression != Compression::kNone) {
      payload.headers.emplace_back("cmp", CompressionHeader(compression));
    }
  }
  payload.bytes =
      Compress(compression, EncodeMessage(message, LayoutOf(profile)));
  return payload;
}

absl::StatusOr<DecodedMessage> DecodePayload(const PayloadHeaders& headers,
                                             absl::string_view bytes,
                                             size_t max_bytes) {
  if (headers.serial == "cbor") {
    return DecodePacked(CompressionOf(headers.cmp), bytes, max_bytes);
  }
  if (!headers.serial.has_value() && absl::StartsWith(bytes, kZstdMagic) &&
      !headers.cmp.has_value()) {
    return DecodePacked(Compression::kZstd, bytes, max_bytes);
  }
  if (!headers.serial.has_value() && absl::StartsWith(bytes, "{")) {
    if (bytes.size() > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the payload has ", bytes.size(), " bytes, more than ", max_bytes));
    }
    absl::StatusOr<Message> message = MessageFromJson(bytes);
    if (!message.ok()) return message.status();
    return DecodedMessage{*std::move(message), Layout::kC4};
  }
  return absl::UnimplementedError(absl::StrCat(
      "the peer sends gob (no header `serial: cbor`, no zstd, no JSON), which "
      "Go's programs alone can read; start it with -serialization cbor"));
}

}  // namespace weir::steward
