#include "host/plugin/config_schema.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/config_check.h"
#include "host/plugin/config_node.h"
#include "nlohmann/json.hpp"

namespace weir {

namespace {

using Json = nlohmann::json;

// Deeper than any Struct, so that no text makes us recurse to death.
constexpr int kMaxDepth = 128;
// Up to here each whole number is a double of its own.
constexpr double kMaxWhole = 9007199254740992.0;

bool IsTooDeep(absl::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// Returns a discarded value for what is no JSON.
Json ParseJson(absl::string_view text) {
  if (IsTooDeep(text)) return Json(Json::value_t::discarded);
  return Json::parse(text.begin(), text.end(), nullptr,
                     /*allow_exceptions=*/false);
}

std::string ToText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// 5.0 and 1e3, as numbers out of a Struct may come, become 5 and 1000.
void MakeWhole(Json& value) {
  if (value.is_structured()) {
    for (Json& child : value) MakeWhole(child);
  } else if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number == std::trunc(number) && std::fabs(number) <= kMaxWhole) {
      value = static_cast<int64_t>(number);
    }
  }
}

// That each default is one that the schema would take.
absl::Status CheckDefaults(const ConfigNode& node, const std::string& place) {
  if (node.otherwise.has_value()) {
    Json value = *node.otherwise;
    FillInDefaults(node, value);
    std::vector<ConfigFault> faults;
    CheckConfigValue(node, value, JsonPlace(place, "default"), faults);
    if (!faults.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(faults[0].pointer, ": ", faults[0].what));
    }
  }
  absl::Status status;
  for (const auto& [key, property] : node.properties) {
    status.Update(CheckDefaults(
        property, JsonPlace(JsonPlace(place, "properties"), key)));
  }
  if (node.items != nullptr) {
    status.Update(CheckDefaults(*node.items, JsonPlace(place, "items")));
  }
  if (node.others != nullptr) {
    status.Update(
        CheckDefaults(*node.others, JsonPlace(place, "additionalProperties")));
  }
  return status;
}

}  // namespace

ConfigSchema::ConfigSchema() : root_(std::make_shared<const ConfigNode>()) {}

absl::StatusOr<ConfigSchema> ConfigSchema::Parse(absl::string_view text) {
  if (text.empty()) return ConfigSchema();
  const Json schema = ParseJson(text);
  if (schema.is_discarded()) {
    return absl::InvalidArgumentError("/: no JSON, or too deep");
  }
  absl::StatusOr<ConfigNode> root = ReadConfigNode(schema, "", 0);
  if (!root.ok()) return root.status();
  std::vector<ConfigFault> faults;
  if (root->types != 0) {
    CheckConfigValue(ConfigNode{.types = root->types}, Json::object(), "",
                     faults);
  }
  if (!faults.empty() || root->secret) {
    return absl::InvalidArgumentError(absl::StrCat(
        root->secret ? "/x-secret" : "/type",
        ": a configuration is an object, whose parts may be secret"));
  }
  absl::Status defaults = CheckDefaults(*root, "");
  if (!defaults.ok()) return defaults;
  return ConfigSchema(std::make_shared<const ConfigNode>(*std::move(root)));
}

ConfigSchema::Checked ConfigSchema::Check(absl::string_view json) const {
  Checked checked;
  Json value = ParseJson(json.empty() ? "{}" : json);
  if (!value.is_object()) {
    checked.faults.push_back({"", "no JSON object, or too deep"});
    return checked;
  }
  MakeWhole(value);
  FillInDefaults(*root_, value);
  CheckConfigValue(*root_, value, "", checked.faults);
  checked.json = ToText(value);
  return checked;
}

std::string ConfigSchema::Mask(absl::string_view json) const {
  Json value = ParseJson(json);
  if (!value.is_object()) return "{}";
  MaskConfigValue(*root_, value);
  return ToText(value);
}

}  // namespace weir
