#include "lib/steward/payload.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/steward/layout.h"
#include "lib/steward/message_json.h"
#include "lib/steward/refusal.h"

namespace weir::steward {
namespace {

// RFC 1952, 2.3.1.
constexpr absl::string_view kGzipMagic = "\x1f\x8b";
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

absl::Status TooLong(size_t size, size_t max_bytes) {
  return Refuse(absl::ResourceExhaustedError(absl::StrCat(
                    "the payload has more than ", max_bytes, " bytes: ", size)),
                Refusal::kTooLong);
}

absl::Status IsGob() {
  return Refuse(
      absl::UnimplementedError(
          "the peer sends gob (no header `serial: cbor`, no zstd, no JSON), "
          "which Go's programs alone can read; start it with -serialization "
          "cbor"),
      Refusal::kGob);
}

absl::StatusOr<absl::string_view> Unpack(Compression compression,
                                         absl::string_view bytes,
                                         size_t max_bytes,
                                         std::string* unpacked) {
  if (compression == Compression::kNone) {
    if (bytes.size() > max_bytes) return TooLong(bytes.size(), max_bytes);
    return bytes;
  }
  absl::StatusOr<std::string> plain = Decompress(compression, bytes, max_bytes);
  if (!plain.ok()) {
    return Refuse(plain.status(), absl::IsResourceExhausted(plain.status())
                                      ? Refusal::kTooLong
                                      : Refusal::kCompression);
  }
  *unpacked = *std::move(plain);
  return *unpacked;
}

// Whether they are an array of CBOR, tagged or not; RFC 8949, 3.1 and 3.4.6.
bool IsCborArray(absl::string_view bytes) {
  while (absl::ConsumePrefix(&bytes, "\xd9\xd9\xf7")) {
  }
  return !bytes.empty() && (static_cast<unsigned char>(bytes[0]) >> 5) == 4;
}

// Whether they begin as Go's encoding/gob does: a length, which is one byte
// below 0x80 or a negative count of bytes, and then a type's number, which is
// negative for a definition, and so odd.
bool IsGobLike(absl::string_view bytes) {
  const auto at = [bytes](size_t i) -> unsigned {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  const size_t behind = at(0) < 0x80 ? 1 : 1 + (0x100 - at(0));
  // Type numbers of one's own begin at 65, so their definitions at -65: 0xff
  // 0x81.
  return (at(0) < 0x80 || at(0) >= 0xf8) && at(behind) >= 0xfe &&
         at(behind + 1) % 2 == 1;
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

absl::StatusOr<absl::string_view> UnpackPayload(const PayloadHeaders& headers,
                                                absl::string_view bytes,
                                                size_t max_bytes,
                                                std::string* unpacked) {
  if (headers.serial == "cbor") {
    return Unpack(CompressionOf(headers.cmp), bytes, max_bytes, unpacked);
  }
  if (headers.serial.has_value()) return IsGob();
  if (absl::StartsWith(bytes, kZstdMagic) && !headers.cmp.has_value()) {
    return Unpack(Compression::kZstd, bytes, max_bytes, unpacked);
  }
  if (!absl::StartsWith(bytes, "{")) return IsGob();
  return Unpack(Compression::kNone, bytes, max_bytes, unpacked);
}

absl::StatusOr<absl::string_view> UnpackBare(absl::string_view bytes,
                                             size_t max_bytes,
                                             std::string* unpacked) {
  if (absl::StartsWith(bytes, kZstdMagic)) {
    return Unpack(Compression::kZstd, bytes, max_bytes, unpacked);
  }
  if (absl::StartsWith(bytes, kGzipMagic)) {
    return Unpack(Compression::kGzip, bytes, max_bytes, unpacked);
  }
  if (absl::StartsWith(bytes, "{") || IsCborArray(bytes)) {
    return Unpack(Compression::kNone, bytes, max_bytes, unpacked);
  }
  if (IsGobLike(bytes)) return IsGob();
  return Refuse(absl::InvalidArgumentError(
                    "the payload is neither a CBOR array nor JSON, zstd, gzip "
                    "or gob"),
                Refusal::kCbor);
}

absl::StatusOr<DecodedMessage> DecodeUnpacked(absl::string_view unpacked) {
  if (!absl::StartsWith(unpacked, "{")) return DecodeMessage(unpacked);
  absl::StatusOr<Message> message = MessageFromJson(unpacked);
  if (!message.ok()) return Refuse(message.status(), Refusal::kJson);
  return DecodedMessage{*std::move(message), Layout::kC4};
}

absl::StatusOr<DecodedMessage> DecodePayload(const PayloadHeaders& headers,
                                             absl::string_view bytes,
                                             size_t max_bytes) {
  std::string buffer;
  const absl::StatusOr<absl::string_view> unpacked =
      UnpackPayload(headers, bytes, max_bytes, &buffer);
  if (!unpacked.ok()) return unpacked.status();
  return DecodeUnpacked(*unpacked);
}

}  // namespace weir::steward
