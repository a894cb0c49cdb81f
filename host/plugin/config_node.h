#ifndef WEIR_HOST_PLUGIN_CONFIG_NODE_H_
#define WEIR_HOST_PLUGIN_CONFIG_NODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"

namespace weir {

// One schema of a ConfigSchema, for one value and what is in it; what is not
// set asks for nothing. A value of our own, so that a plugin's text is looked
// at once and not at each check.
struct ConfigNode {
  using Json = nlohmann::json;

  // The names of `type`, in the order of the bits of `types`.
  static constexpr std::array<const char*, 7> kTypes = {
      "array", "boolean", "integer", "null", "number", "object", "string"};

  uint32_t types = 0;              // 0: any.
  std::vector<Json> one_of_these;  // `enum`
  std::optional<Json> constant;    // `const`
  std::optional<Json> otherwise;   // `default`
  bool secret = false;
  std::optional<double> minimum, maximum, above, below, multiple_of;
  std::optional<uint64_t> min_length, max_length;
  std::shared_ptr<const RE2> pattern;
  std::shared_ptr<const ConfigNode> items;
  std::optional<uint64_t> min_items, max_items;
  bool unique_items = false;
  std::map<std::string, ConfigNode> properties;
  std::set<std::string> required;
  bool refuses_others = false;               // additionalProperties: false
  std::shared_ptr<const ConfigNode> others;  // additionalProperties: {...}
  std::optional<uint64_t> min_properties, max_properties;
};

// Reads `schema`, which lies at `place`. Returns InvalidArgument as
// ConfigSchema::Parse says.
absl::StatusOr<ConfigNode> ReadConfigNode(const nlohmann::json& schema,
                                          const std::string& place, int depth);

// Where a value lies in `place`, as a JSON pointer has it.
std::string JsonPlace(const std::string& place, const std::string& key);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CONFIG_NODE_H_
