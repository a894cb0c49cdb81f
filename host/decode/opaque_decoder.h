#ifndef WEIR_HOST_DECODE_OPAQUE_DECODER_H_
#define WEIR_HOST_DECODE_OPAQUE_DECODER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "host/decode/decoder.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"

namespace weir {

// Looks into nothing: each payload is one message without fields and without a
// time, empty ones too. For NATS, TCP frames and whatever else only the
// handlers understand.
class OpaqueDecoder final : public Decoder {
 public:
  // What handlers are asked for when nothing says anything else.
  static constexpr absl::string_view kDefaultType = "FRAME";

  // All messages have the type `type`. Empty means the subject that a message
  // was sent to, and kDefaultType if there is none. OTHER, and counted as
  // unknown, are subjects beyond those that `types` holds, and those that are
  // not UTF-8, as names of types are. `types` must outlive the decoder.
  OpaqueDecoder(NameTable& types, absl::string_view type);

  Decoded Decode(absl::string_view payload, MessageWriter& writer) override;
  Decoded DecodeFrom(absl::string_view subject, absl::string_view payload,
                     MessageWriter& writer) override;

 private:
  NameTable& types_;
  const bool by_subject_;
  const uint16_t type_id_;
  // Messages of one subject often come in a row.
  std::string last_subject_;
  uint16_t last_id_ = kTypeOther;
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_OPAQUE_DECODER_H_
