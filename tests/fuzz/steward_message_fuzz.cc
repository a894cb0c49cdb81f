// A payload, whatever it is: it is refused, or what was read from it is written
// so that it is read alike, in its layout and as JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/message_json.h"
#include "lib/steward/payload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::steward::DecodedMessage;
  constexpr size_t kMaxBytes = size_t{1} << 20;
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                                size - 1);
  weir::steward::PayloadHeaders headers;
  if ((data[0] & 1) != 0) headers.serial = "cbor";
  if ((data[0] & 2) != 0) headers.cmp = (data[0] & 4) != 0 ? "g" : "z";
  const absl::StatusOr<DecodedMessage> decoded =
      weir::steward::DecodePayload(headers, bytes, kMaxBytes);
  if (!decoded.ok()) {
    if (decoded.status().message().empty()) abort();
    return 0;
  }
  const absl::StatusOr<DecodedMessage> again = weir::steward::DecodeMessage(
      weir::steward::EncodeMessage(decoded->message, decoded->layout));
  if (!again.ok() || again->message != decoded->message ||
      again->layout != decoded->layout) {
    abort();
  }
  const std::string json = weir::steward::MessageToJson(decoded->message);
  const auto from_json = weir::steward::MessageFromJson(json);
  if (!from_json.ok()) abort();
  return 0;
}
