#ifndef WEIR_LIB_STEWARD_PAYLOAD_H_
#define WEIR_LIB_STEWARD_PAYLOAD_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/compression.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/profile.h"

namespace weir::steward {

// What NATS carries for one message: headers, whose names are lower case and
// matched so, and bytes.
struct Payload {
  using Header = std::pair<std::string, std::string>;
  std::vector<Header> headers;
  std::string bytes;
};

// `message` as a node of `profile` publishes it. `compression` is the peers'
// option of that name; C3 and C4 know but zstd and take that whatever it says.
Payload EncodePayload(const Message& message, Profile profile,
                      Compression compression);

// The headers of a message that came, absent where there is none of that name.
struct PayloadHeaders {
  std::optional<absl::string_view> serial;
  std::optional<absl::string_view> cmp;
};

// What lies in a message that came, out of its compression: CBOR, or JSON,
// which begins with "{". Shared with `bytes` if nothing was packed, and then as
// long valid; else in `*unpacked`.
//
// Errors as of DecodePayload.
absl::StatusOr<absl::string_view> UnpackPayload(const PayloadHeaders& headers,
                                                absl::string_view bytes,
                                                size_t max_bytes,
                                                std::string* unpacked);

// The same for bytes of which only they themselves are there, from a recording
// or a source that reads no headers. CBOR, zstd, gzip, JSON and gob begin
// differently, so nothing is taken for another.
absl::StatusOr<absl::string_view> UnpackBare(absl::string_view bytes,
                                             size_t max_bytes,
                                             std::string* unpacked);

// Reads what one of these returned. Errors as of DecodePayload.
absl::StatusOr<DecodedMessage> DecodeUnpacked(absl::string_view unpacked);

// Reads what a node of any profile published.
//
// With `serial: cbor`, `cmp` says how the CBOR is packed: `z`, `g`, else not.
// Without `serial` it is C3's or C4's: CBOR in zstd, or C4's JSON. What is
// neither is gob, which Go's programs alone can read.
//
// Returns ResourceExhausted if more than `max_bytes` are in it,
// InvalidArgument with what is wrong at which byte or field, and Unimplemented
// for gob, each with its reason of refusal.h. Cures: for gob, start the peer
// with `-serialization cbor`; else the sender's.
absl::StatusOr<DecodedMessage> DecodePayload(const PayloadHeaders& headers,
                                             absl::string_view bytes,
                                             size_t max_bytes);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_PAYLOAD_H_
