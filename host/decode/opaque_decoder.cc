#include "host/decode/opaque_decoder.h"

#include "simdjson.h"

namespace weir {
namespace {

void Write(uint16_t type_id, absl::string_view payload, MessageWriter& writer) {
  const MessageWriter::Room room = writer.Reserve(payload, 0, 0);
  room.message->view.type_id = type_id;
  writer.Commit(0, 0);
}

}  // namespace

OpaqueDecoder::OpaqueDecoder(NameTable& types, absl::string_view type)
    : types_(types),
      by_subject_(type.empty()),
      type_id_(types.Intern(type.empty() ? kDefaultType : type)) {}

Decoded OpaqueDecoder::Decode(absl::string_view payload,
                              MessageWriter& writer) {
  Write(type_id_, payload, writer);
  return {};
}

Decoded OpaqueDecoder::DecodeFrom(absl::string_view subject,
                                  absl::string_view payload,
                                  MessageWriter& writer) {
  if (!by_subject_ || subject.empty()) return Decode(payload, writer);
  if (subject != last_subject_) {
    last_subject_.assign(subject.data(), subject.size());
    last_id_ = simdjson::validate_utf8(subject.data(), subject.size())
                   ? types_.Intern(subject)
                   : uint16_t{kTypeOther};
  }
  Write(last_id_, payload, writer);
  Decoded decoded;
  decoded.unknown_types = last_id_ == kTypeOther ? 1 : 0;
  return decoded;
}

}  // namespace weir
