#include "host/config/struct_json.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/config/field_text.h"

namespace weir {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

void AppendString(absl::string_view text, std::string* json) {
  json->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json->push_back('\\');
      json->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(json, "\\u", absl::Hex(c, absl::kZeroPad4));
    } else {
      json->push_back(c);
    }
  }
  json->push_back('"');
}

void AppendObject(const Struct& object, std::string* json);

void AppendValue(const Value& value, std::string* json) {
  switch (value.kind_case()) {
    case Value::kBoolValue:
      *json += value.bool_value() ? "true" : "false";
      return;
    case Value::kNumberValue:
      *json += NumberText(value.number_value());
      return;
    case Value::kStringValue:
      AppendString(value.string_value(), json);
      return;
    case Value::kStructValue:
      AppendObject(value.struct_value(), json);
      return;
    case Value::kListValue: {
      absl::string_view separator = "[";
      for (const Value& element : value.list_value().values()) {
        absl::StrAppend(json, separator);
        AppendValue(element, json);
        separator = ",";
      }
      *json += value.list_value().values().empty() ? "[]" : "]";
      return;
    }
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      *json += "null";
      return;
  }
}

void AppendObject(const Struct& object, std::string* json) {
  const std::map<std::string, Value> sorted(object.fields().begin(),
                                            object.fields().end());
  absl::string_view separator = "";
  json->push_back('{');
  for (const auto& [key, value] : sorted) {
    absl::StrAppend(json, separator);
    AppendString(key, json);
    json->push_back(':');
    AppendValue(value, json);
    separator = ",";
  }
  json->push_back('}');
}

}  // namespace

std::string StructToJson(const Struct& object) {
  std::string json;
  AppendObject(object, &json);
  return json;
}

}  // namespace weir
