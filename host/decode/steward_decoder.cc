#include "host/decode/steward_decoder.h"

#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/decode/field_writer.h"
#include "lib/steward/payload.h"
#include "lib/steward/refusal.h"
#include "lib/steward/schedule.h"
#include "lib/steward/subject.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

using steward::Refusal;
using steward::Refuse;
using Parts = steward::Message;  // The other Message is the host's own.
using Texts = std::optional<Parts::Texts>;

size_t SizeOf(const Texts& texts) {
  if (!texts.has_value()) return 0;
  size_t size = alignof(uint32_t) - 1;
  for (const std::string& text : *texts) size += sizeof(uint32_t) + text.size();
  return size;
}

// How much WriteFields puts behind the payload at most.
size_t ExtraBytes(const Parts& message) {
  size_t size = 2 + message.to_node.size() + message.from_node.size() +
                message.method.size() + SizeOf(message.data) +
                SizeOf(message.method_args) +
                message.arg_signature.value_or("").size() +
                message.reply_method.size() +
                SizeOf(message.reply_method_args) + message.directory.size() +
                message.file_name.size() + SizeOf(message.method_instructions);
  if (const Parts* request = message.previous_message.get()) {
    size += request->to_node.size() + request->method.size() +
            SizeOf(request->method_args) + request->directory.size() +
            request->file_name.size();
  }
  return size;
}

void WriteTexts(unsigned key, const Texts& texts, FieldWriter& fields) {
  if (!texts.has_value() || texts->empty()) return;
  fields.Strings(key, *texts);
}

// Text is copied: of what is packed nothing stands in the payload.
void WriteText(unsigned key, absl::string_view text, FieldWriter& fields) {
  fields.Copy(key, WEIR_KIND_STRING, text);
}

void WriteRequest(const Parts& request, FieldWriter& fields) {
  fields.Int(WEIR_FIELD_STEWARD_REQUEST_ID, request.id);
  WriteText(WEIR_FIELD_STEWARD_REQUEST_TO_NODE, request.to_node, fields);
  WriteText(WEIR_FIELD_STEWARD_REQUEST_METHOD, request.method, fields);
  WriteTexts(WEIR_FIELD_STEWARD_REQUEST_ARGS, request.method_args, fields);
  WriteText(WEIR_FIELD_STEWARD_REQUEST_DIRECTORY, request.directory, fields);
  WriteText(WEIR_FIELD_STEWARD_REQUEST_FILE_NAME, request.file_name, fields);
}

void WriteFields(const steward::DecodedMessage& decoded, FieldWriter& fields) {
  const Parts& message = decoded.message;
  WriteText(WEIR_FIELD_STEWARD_PROFILE, steward::LayoutName(decoded.layout),
            fields);
  WriteText(WEIR_FIELD_STEWARD_TO_NODE, message.to_node, fields);
  WriteText(WEIR_FIELD_STEWARD_FROM_NODE, message.from_node, fields);
  WriteText(WEIR_FIELD_STEWARD_METHOD, message.method, fields);
  fields.Int(WEIR_FIELD_STEWARD_ID, message.id);
  if (message.data.has_value()) {
    fields.Copy(WEIR_FIELD_STEWARD_DATA, WEIR_KIND_BYTES,
                absl::StrJoin(*message.data, ""));
  }
  WriteTexts(WEIR_FIELD_STEWARD_ARGS, message.method_args, fields);
  fields.Copy(WEIR_FIELD_STEWARD_SIGNATURE, WEIR_KIND_BYTES,
              message.arg_signature.value_or(""));
  WriteText(WEIR_FIELD_STEWARD_REPLY_METHOD, message.reply_method, fields);
  WriteTexts(WEIR_FIELD_STEWARD_REPLY_ARGS, message.reply_method_args, fields);
  if (message.is_reply) fields.Uint(WEIR_FIELD_STEWARD_IS_REPLY, 1);
  fields.Int(WEIR_FIELD_STEWARD_TIMEOUT, message.method_timeout);
  if (message.schedule.has_value() && !message.schedule->empty()) {
    fields.Int(WEIR_FIELD_STEWARD_INTERVAL, message.schedule->at(0));
    fields.Int(WEIR_FIELD_STEWARD_TOTAL_TIME, message.schedule->at(1));
  }
  WriteText(WEIR_FIELD_STEWARD_DIRECTORY, message.directory, fields);
  WriteText(WEIR_FIELD_STEWARD_FILE_NAME, message.file_name, fields);
  if (message.use_detected_shell) {
    fields.Uint(WEIR_FIELD_STEWARD_USE_SHELL, 1);
  }
  WriteTexts(WEIR_FIELD_STEWARD_INSTRUCTIONS, message.method_instructions,
             fields);
  if (message.previous_message != nullptr) {
    WriteRequest(*message.previous_message, fields);
  }
}

// The method without the ID of a sub-process.
absl::string_view KindOf(absl::string_view method) {
  return method.substr(0, method.find('.'));
}

// What is wrong, and with whose message.
Decoded Wrong(absl::string_view subject, const absl::Status& status) {
  Decoded decoded;
  decoded.verdict = Decoded::Verdict::kParseError;
  decoded.text = subject.empty() ? std::string(status.message())
                                 : absl::StrCat("subject \"", subject,
                                                "\": ", status.message());
  decoded.reason = steward::RefusalOf(status);
  return decoded;
}

}  // namespace

Decoded StewardDecoder::Decode(absl::string_view payload,
                               MessageWriter& writer) {
  return DecodeFrom("", payload, writer);
}

Decoded StewardDecoder::DecodeFrom(absl::string_view subject,
                                   absl::string_view payload,
                                   MessageWriter& writer) {
  if (payload.empty()) return {.verdict = Decoded::Verdict::kEmpty};
  const absl::StatusOr<absl::string_view> unpacked =
      steward::UnpackBare(payload, options_.max_bytes, &unpacked_);
  if (!unpacked.ok()) return Wrong(subject, unpacked.status());
  const absl::StatusOr<steward::DecodedMessage> decoded =
      steward::DecodeUnpacked(*unpacked);
  if (!decoded.ok()) return Wrong(subject, decoded.status());
  if (const absl::Status status = Check(subject, *decoded); !status.ok()) {
    return Wrong(subject, status);
  }
  const MessageWriter::Room room = writer.Reserve(
      payload, FieldWriter::kMaxFields, ExtraBytes(decoded->message));
  const uint16_t type = TypeOf(decoded->message.method);
  room.message->view.type_id = type;
  FieldWriter fields(room);
  WriteFields(*decoded, fields);
  writer.Commit(fields.n_fields(), fields.extra_used());
  Decoded result;
  result.unknown_types = type == kTypeOther ? 1 : 0;
  return result;
}

absl::Status StewardDecoder::Check(
    absl::string_view subject, const steward::DecodedMessage& decoded) const {
  const Parts& message = decoded.message;
  if (options_.layout.has_value() && decoded.layout != *options_.layout) {
    return Refuse(
        absl::InvalidArgumentError(absl::StrCat(
            "node \"", message.from_node, "\" sends messages of profile ",
            steward::LayoutName(decoded.layout), ", not ",
            steward::LayoutName(*options_.layout),
            "; change decoder.steward_profile or leave it out")),
        Refusal::kProfile);
  }
  if (KindOf(message.method).empty()) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(
                      "node \"", message.from_node, "\" names no method")),
                  Refusal::kMethod);
  }
  if (!subject.empty() && !options_.any_subject &&
      !steward::BelongsTo(subject, message, decoded.layout)) {
    return Refuse(absl::PermissionDeniedError(absl::StrCat(
                      "node \"", message.from_node, "\" sends there method ",
                      message.method, " for node \"", message.to_node,
                      "\"; if that is right, set decoder.steward_any_subject")),
                  Refusal::kSubject);
  }
  return steward::CheckSchedule(message);
}

uint16_t StewardDecoder::TypeOf(absl::string_view method) {
  const absl::string_view kind = KindOf(method);
  if (kind != last_method_) {
    last_method_ = std::string(kind);
    last_id_ = types_.Intern(kind);
    // That is the host's own, and no method.
    if (last_id_ == kTypeRaw) last_id_ = kTypeOther;
  }
  return last_id_;
}

}  // namespace weir
