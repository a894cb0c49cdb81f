#ifndef WEIR_HOST_DECODE_OPAQUE_DECODER_H_
#define WEIR_HOST_DECODE_OPAQUE_DECODER_H_

#include <cstdint>

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
  // What handlers are asked for when the configuration does not say.
  static constexpr absl::string_view kDefaultType = "FRAME";

  // All messages have the type `type`; empty means kDefaultType.
  OpaqueDecoder(NameTable& types, absl::string_view type)
      : type_id_(types.Intern(type.empty() ? kDefaultType : type)) {}

  Decoded Decode(absl::string_view payload, MessageWriter& writer) override {
    const MessageWriter::Room room = writer.Reserve(payload, 0, 0);
    room.message->view.type_id = type_id_;
    writer.Commit(0, 0);
    return {};
  }

 private:
  const uint16_t type_id_;
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_OPAQUE_DECODER_H_
