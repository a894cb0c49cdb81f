#include "host/config/yaml_to_struct.h"

#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// Takes digits off the front; returns how many.
size_t TakeDigits(absl::string_view* text) {
  size_t count = 0;
  while (count < text->size() && absl::ascii_isdigit((*text)[count])) ++count;
  text->remove_prefix(count);
  return count;
}

bool TakeOneOf(absl::string_view characters, absl::string_view* text) {
  if (text->empty() || characters.find((*text)[0]) == characters.npos) {
    return false;
  }
  text->remove_prefix(1);
  return true;
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?, and whether it is an integer.
bool IsJsonNumber(absl::string_view text, bool* integer) {
  *integer = true;
  TakeOneOf("-", &text);
  if (!TakeOneOf("0", &text) && TakeDigits(&text) == 0) return false;
  if (TakeOneOf(".", &text)) {
    *integer = false;
    if (TakeDigits(&text) == 0) return false;
  }
  if (TakeOneOf("eE", &text)) {
    *integer = false;
    TakeOneOf("+-", &text);
    if (TakeDigits(&text) == 0) return false;
  }
  return text.empty();
}

void ReadScalar(const YAML::Node& node, const std::string& path,
                YamlReading* reading, Value* value) {
  std::optional<YamlReading::Text> text = reading->Expanded(node, path);
  if (!text.has_value()) return;
  bool integer = false;
  double number = 0;
  if (!text->plain) {
    value->set_string_value(std::move(text->value));
  } else if (text->value == "true" || text->value == "false") {
    value->set_bool_value(text->value == "true");
  } else if (!IsJsonNumber(text->value, &integer) ||
             !absl::SimpleAtod(text->value, &number)) {
    value->set_string_value(std::move(text->value));
  } else if (!std::isfinite(number)) {
    reading->AddFault(path, LineOf(node),
                      absl::StrCat(text->written,
                                   ": too large for a number; write it in "
                                   "quotes to hand it on as text"));
  } else if (integer && std::abs(number) >= 0x1.0p53) {
    reading->AddFault(
        path, LineOf(node),
        absl::StrCat(text->written,
                     ": from 2^53 on a number loses digits; write "
                     "it in quotes to hand it on as text"));
  } else {
    value->set_number_value(number);
  }
}

void ReadObject(const YAML::Node& map, const std::string& path,
                YamlReading* reading, Struct* object);

void ReadValue(const YAML::Node& node, const std::string& path,
               YamlReading* reading, Value* value) {
  if (!reading->Enter(node, path)) return;
  const YamlReading::Level level(*reading);
  switch (node.Type()) {
    case YAML::NodeType::Map:
      ReadObject(node, path, reading, value->mutable_struct_value());
      return;
    case YAML::NodeType::Sequence: {
      google::protobuf::ListValue* list = value->mutable_list_value();
      for (size_t i = 0; i < node.size(); ++i) {
        ReadValue(node[i], absl::StrCat(path, "[", i, "]"), reading,
                  list->add_values());
      }
      return;
    }
    case YAML::NodeType::Scalar:
      ReadScalar(node, path, reading, value);
      return;
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      value->set_null_value(google::protobuf::NULL_VALUE);
      return;
  }
}

void ReadObject(const YAML::Node& map, const std::string& path,
                YamlReading* reading, Struct* object) {
  for (const YamlReading::Entry& entry : reading->Entries(map, path)) {
    ReadValue(entry.value, absl::StrCat(path, ".", entry.key), reading,
              &(*object->mutable_fields())[entry.key]);
  }
}

}  // namespace

void YamlToStruct(const YAML::Node& node, const std::string& path,
                  YamlReading* reading, Struct* object) {
  if (node.IsMap()) {
    ReadObject(node, path, reading, object);
  } else if (!node.IsNull()) {
    reading->AddFault(
        path, LineOf(node),
        absl::StrCat("is ", KindOf(node), "; write a mapping, key: value"));
  }
}

}  // namespace weir
