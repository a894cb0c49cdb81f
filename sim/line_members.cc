#include "sim/line_members.h"

#include <simdjson.h>

#include "absl/strings/str_cat.h"

namespace weir::sim {
namespace {

namespace ondemand = simdjson::ondemand;

// Returns the text of `value`, or false.
bool TextOf(simdjson::simdjson_result<ondemand::value> value,
            std::string& text) {
  std::string_view view;
  if (simdjson::to_json_string(value).get(view)) return false;
  text = std::string(view);
  return true;
}

bool ReadData(simdjson::simdjson_result<ondemand::value> value,
              LineMembers& members) {
  ondemand::object data;
  if (value.get_object().get(data)) return false;
  for (auto field : data) {
    std::string_view key;
    if (field.unescaped_key().get(key)) return false;
    auto& [name, text] = members.data.emplace_back();
    name = std::string(key);
    if (!TextOf(field.value(), text)) return false;
  }
  return true;
}

}  // namespace

bool LineMembers::Parse(absl::string_view line) {
  type.clear();
  data.clear();
  const simdjson::padded_string json(line.data(), line.size());
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object wrapper;
  if (parser.iterate(json).get(document)) return false;
  if (document.get_object().get(wrapper)) return false;
  bool has_data = false;
  for (auto field : wrapper) {
    std::string_view key;
    if (field.unescaped_key().get(key)) return false;
    if (key == "type" && !TextOf(field.value(), type)) return false;
    if (key != "data") continue;
    if (!ReadData(field.value(), *this)) return false;
    has_data = true;
  }
  return has_data;
}

std::string LineMembers::ToLine() const {
  std::string line = absl::StrCat("{\"type\":", type, ",\"data\":{");
  absl::string_view comma;
  for (const auto& [key, value] : data) {
    absl::StrAppend(&line, comma, "\"", key, "\":", value);
    comma = ",";
  }
  line += "}}\n";
  return line;
}

}  // namespace weir::sim
