#include "cli/steward_messages.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "yaml-cpp/yaml.h"

namespace weir::cli {
namespace {

using google::protobuf::FieldDescriptor;
using weir::v1::StewardMessage;

// What no message of theirs is deeper than, either.
constexpr int kMaxDepth = 32;

class Reader {
 public:
  explicit Reader(absl::string_view name) : name_(name) {}

  absl::Status ReadMessage(const YAML::Node& node, int depth,
                           StewardMessage* message) const {
    if (!node.IsMap() || depth > kMaxDepth) {
      return Wrong(node, depth > kMaxDepth ? "messages are nested too deep"
                                           : "is no message: {toNode: ...}");
    }
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Wrong(entry.first, "is no name");
      absl::Status status =
          ReadField(entry.first, entry.second, depth, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Wrong(const YAML::Node& node, absl::string_view what) const {
    return WrongAt(node.Mark().line, what);
  }
  absl::Status WrongAt(int line, absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ":", line + 1, ": ", what));
  }

 private:
  static const FieldDescriptor* FindField(const std::string& name) {
    const auto& fields = *StewardMessage::descriptor();
    for (int i = 0; i < fields.field_count(); ++i) {
      const FieldDescriptor* const field = fields.field(i);
      if (field->json_name() == name || field->name() == name) return field;
    }
    return nullptr;
  }

  absl::Status ReadField(const YAML::Node& key, const YAML::Node& value,
                         int depth, StewardMessage* message) const {
    const std::string& name = key.Scalar();
    const FieldDescriptor* field = FindField(name);
    if (field == nullptr) {
      return Wrong(key,
                   absl::StrCat("\"", name, "\" is no field of a message"));
    }
    if (value.IsNull()) return absl::OkStatus();
    if (field->name() == "data" && value.IsSequence()) {
      field = FindField("data_texts");
    }
    if (field->message_type() != nullptr) {
      return ReadMessage(value, depth + 1, message->mutable_previous_message());
    }
    if (field->is_repeated() != value.IsSequence()) {
      return Wrong(value,
                   absl::StrCat(name, field->is_repeated() ? " is a list"
                                                           : " is no list"));
    }
    if (!field->is_repeated()) return ReadValue(name, *field, value, message);
    for (const YAML::Node& item : value) {
      absl::Status status = ReadValue(name, *field, item, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadValue(const std::string& name, const FieldDescriptor& field,
                         const YAML::Node& value,
                         StewardMessage* message) const {
    if (!value.IsScalar()) {
      return Wrong(value, absl::StrCat(name, " has no list or map in it"));
    }
    const auto& reflection = *StewardMessage::GetReflection();
    std::string text = value.Scalar();
    int64_t number = 0;
    switch (field.type()) {
      case FieldDescriptor::TYPE_INT64:
        if (!absl::SimpleAtoi(text, &number)) {
          return Wrong(
              value, absl::StrCat(name, ": \"", text, "\" is no whole number"));
        }
        if (field.is_repeated()) {
          reflection.AddInt64(message, &field, number);
        } else {
          reflection.SetInt64(message, &field, number);
        }
        return absl::OkStatus();
      case FieldDescriptor::TYPE_BOOL:
        if (text != "true" && text != "false") {
          return Wrong(value, absl::StrCat(name, ": \"", text,
                                           "\" is neither true nor false"));
        }
        reflection.SetBool(message, &field, text == "true");
        return absl::OkStatus();
      case FieldDescriptor::TYPE_BYTES: {
        std::string bytes;
        if (!absl::Base64Unescape(text, &bytes)) {
          return Wrong(
              value,
              absl::StrCat(name, " is no base64; texts stand in a list"));
        }
        reflection.SetString(message, &field, std::move(bytes));
        return absl::OkStatus();
      }
      default:
        if (field.is_repeated()) {
          reflection.AddString(message, &field, std::move(text));
        } else {
          reflection.SetString(message, &field, std::move(text));
        }
        return absl::OkStatus();
    }
  }

  const absl::string_view name_;
};

}  // namespace

absl::Status ReadStewardMessages(absl::string_view name,
                                 const std::string& text,
                                 weir::v1::SendMessagesRequest* request) {
  const Reader reader(name);
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsSequence()) {
      return reader.ReadMessage(root, 0, request->add_messages());
    }
    for (const YAML::Node& node : root) {
      absl::Status status =
          reader.ReadMessage(node, 0, request->add_messages());
      if (!status.ok()) return status;
    }
  } catch (const YAML::Exception& error) {
    return reader.WrongAt(error.mark.line, error.msg);
  }
  return absl::OkStatus();
}

}  // namespace weir::cli
