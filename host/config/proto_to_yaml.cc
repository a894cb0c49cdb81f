#include "host/config/proto_to_yaml.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "host/config/environment.h"
#include "host/config/field_text.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;

// In quotes, everything but these may stand as it is. yaml-cpp's own emitter
// replaces some characters that its parser takes, so what it prints is not
// always what was read.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", absl::string_view(&c, 1));
    } else if (c == '\n') {
      absl::StrAppend(&quoted, "\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&quoted, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back('"');
  return quoted;
}

std::string QuotedValue(absl::string_view text) {
  return Quoted(Unexpand(text));
}

// A key without quotes if it reads as nothing else.
std::string Key(absl::string_view key) {
  const bool is_name = !key.empty() && absl::ascii_isalpha(key[0]) &&
                       absl::AsciiStrToLower(key) != "null" &&
                       std::all_of(key.begin(), key.end(), [](unsigned char c) {
                         return absl::ascii_isalnum(c) || c == '_' || c == '-';
                       });
  return is_name ? std::string(key) : Quoted(key);
}

// A YAML node, and how it stands after "key:" or "-".
class Printer {
 public:
  std::string Print(const Message& message) {
    Fields(message, 0);
    return std::move(out_);
  }

 private:
  // Begins a line; the first one of an element stands after its "- ".
  void Indent(int depth) {
    if (after_dash_) {
      after_dash_ = false;
    } else {
      out_.append(2 * static_cast<size_t>(depth), ' ');
    }
  }

  void Dash(int depth) {
    Indent(depth);
    out_ += "- ";
    after_dash_ = true;
  }

  // A value that fits on the line that was begun.
  void Inline(absl::string_view text) {
    after_dash_ = false;
    absl::StrAppend(&out_, text, "\n");
  }

  // After "key:" what is empty stays on the line, all else begins a new one.
  void AfterKey(bool is_inline) {
    absl::StrAppend(&out_, is_inline ? ": " : ":\n");
  }

  void Fields(const Message& message, int depth);
  void Field(const Message& message, const FieldDescriptor& field, int depth);
  void Map(const Message& message, const FieldDescriptor& field, int depth);
  void Text(const Message& message, const FieldDescriptor& field, int index);
  void Child(const Message& child, int depth);
  void Object(const Struct& object, int depth);
  void Json(const Value& value, int depth);

  static bool IsEmpty(const Message& message);
  static bool IsInline(const Value& value);

  std::string out_;
  bool after_dash_ = false;
};

bool Printer::IsEmpty(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields.empty();
}

bool Printer::IsInline(const Value& value) {
  if (value.has_struct_value()) return value.struct_value().fields().empty();
  if (value.has_list_value()) return value.list_value().values().empty();
  return true;
}

void Printer::Fields(const Message& message, int depth) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::sort(fields.begin(), fields.end(),
            [](const FieldDescriptor* a, const FieldDescriptor* b) {
              return a->index() < b->index();
            });
  for (const FieldDescriptor* field : fields) {
    Indent(depth);
    out_ += field->name();
    Field(message, *field, depth + 1);
  }
}

void Printer::Field(const Message& message, const FieldDescriptor& field,
                    int depth) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_map()) {
    AfterKey(false);
    Map(message, field, depth);
  } else if (field.is_repeated()) {
    AfterKey(false);
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Dash(depth);
      if (IsWrittenAsText(field)) {
        Text(message, field, i);
      } else {
        Child(reflection.GetRepeatedMessage(message, &field, i), depth + 1);
      }
    }
  } else if (IsWrittenAsText(field)) {
    AfterKey(true);
    Text(message, field, -1);
  } else {
    const Message& child = reflection.GetMessage(message, &field);
    AfterKey(IsEmpty(child));
    Child(child, depth);
  }
}

void Printer::Map(const Message& message, const FieldDescriptor& field,
                  int depth) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, const Message*> sorted;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& pair = reflection.GetRepeatedMessage(message, &field, i);
    sorted[ToText(pair, *field.message_type()->map_key(), -1)] = &pair;
  }
  for (const auto& [key, pair] : sorted) {
    Indent(depth);
    out_ += Key(key);
    AfterKey(true);
    Text(*pair, *field.message_type()->map_value(), -1);
  }
}

void Printer::Text(const Message& message, const FieldDescriptor& field,
                   int index) {
  const std::string text = ToText(message, field, index);
  Inline(field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? QuotedValue(text)
                                                             : text);
}

void Printer::Child(const Message& child, int depth) {
  if (IsEmpty(child)) {
    Inline("{}");
  } else if (child.GetDescriptor() == Struct::descriptor()) {
    Object(static_cast<const Struct&>(child), depth);
  } else {
    Fields(child, depth);
  }
}

void Printer::Object(const Struct& object, int depth) {
  const std::map<std::string, Value> sorted(object.fields().begin(),
                                            object.fields().end());
  for (const auto& [key, value] : sorted) {
    Indent(depth);
    out_ += Key(key);
    AfterKey(IsInline(value));
    Json(value, depth + 1);
  }
}

void Printer::Json(const Value& value, int depth) {
  switch (value.kind_case()) {
    case Value::kBoolValue:
      return Inline(value.bool_value() ? "true" : "false");
    case Value::kNumberValue:
      return Inline(NumberText(value.number_value()));
    case Value::kStringValue:
      return Inline(QuotedValue(value.string_value()));
    case Value::kStructValue:
      if (IsInline(value)) return Inline("{}");
      return Object(value.struct_value(), depth);
    case Value::kListValue:
      if (IsInline(value)) return Inline("[]");
      for (const Value& element : value.list_value().values()) {
        Dash(depth);
        Json(element, depth + 1);
      }
      return;
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      return Inline("null");
  }
}

}  // namespace

std::string ProtoToYaml(const Message& message) {
  return Printer().Print(message);
}

}  // namespace weir
