#ifndef WEIR_HOST_DECODE_STEWARD_DECODER_H_
#define WEIR_HOST_DECODE_STEWARD_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/decode/decoder.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"

namespace weir {

struct StewardDecoderOptions {
  // Messages of other layouts are refused; absent: of none.
  std::optional<steward::Layout> layout;
  // Whether a message may name another node or method than its subject does.
  // Without a subject, as in a recording, there is nothing to compare.
  bool any_subject = false;
  // What is packed may not be longer, unpacked. Bytes.
  size_t max_bytes = size_t{2} << 20;
};

// Makes one message of a payload that a node of steward or ctrl published: its
// type is the method, its fields are the WEIR_FIELD_STEWARD_..., and its
// payload is what came, packed if it was. A message has no time.
//
// The method of a sub-process is one word, a dot and an ID that is never used
// again ("subCopySrc.8f1b"): its type is the word, or each would use up one of
// the types that a host can know.
//
// The payload alone is read, without its NATS headers: what it is can be told
// from its first bytes. What is refused is a parse error with a reason of
// lib/steward/refusal.h; one without bytes is empty.
class StewardDecoder final : public Decoder {
 public:
  // `types` must outlive it.
  StewardDecoder(NameTable& types, StewardDecoderOptions options)
      : types_(types), options_(options) {}

  Decoded Decode(absl::string_view payload, MessageWriter& writer) override;
  Decoded DecodeFrom(absl::string_view subject, absl::string_view payload,
                     MessageWriter& writer) override;

 private:
  absl::Status Check(absl::string_view subject,
                     const steward::DecodedMessage& decoded) const;
  uint16_t TypeOf(absl::string_view method);

  NameTable& types_;
  const StewardDecoderOptions options_;
  std::string unpacked_;
  // Messages of one method often come in a row.
  std::string last_method_;
  uint16_t last_id_ = kTypeOther;
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_STEWARD_DECODER_H_
