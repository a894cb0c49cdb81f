#ifndef WEIR_HOST_PLUGIN_CONFIG_SCHEMA_H_
#define WEIR_HOST_PLUGIN_CONFIG_SCHEMA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

struct ConfigNode;

// What is wrong with one value of a configuration. A value.
struct ConfigFault {
  std::string pointer;  // JSON pointer, "/peers/3/asn"; "": all of it.
  std::string what;     // "4294967296 is above the maximum 4294967295"

  bool operator==(const ConfigFault&) const = default;
};

// What configurations a plugin takes: the JSON Schema of its weir.config/1.
//
// Knows these keywords, and refuses a schema with others, so that a misspelled
// one is not a check that is never made:
//
//   type enum const default x-secret
//   minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
//   minLength maxLength pattern
//   items minItems maxItems uniqueItems
//   properties required additionalProperties minProperties maxProperties
//
// and, without looking at them, title, description, examples, format, $schema,
// $id, $comment, deprecated, readOnly and what else begins with x-. `pattern`
// is of RE2, and searched for; numbers are compared as doubles, as which a
// configuration comes; a whole number is an integer however it is written.
//
// Immutable, and cheap to copy; thread-safe.
class ConfigSchema {
 public:
  // Anything.
  ConfigSchema();

  // Empty text is the schema that takes any object. Returns InvalidArgument
  // with the place of the first thing that is wrong:
  // "/properties/peers/type: \"arrai\" is none of array, boolean, ...".
  static absl::StatusOr<ConfigSchema> Parse(absl::string_view text);

  struct Checked {
    std::string json;  // With defaults, keys in order, on one line.
    std::vector<ConfigFault> faults;  // All of them, 100 at most.
  };

  // Checks one configuration. With faults, `json` is of no use.
  Checked Check(absl::string_view json) const;

  // `json`, which passed Check, with "***" for each value that is secret.
  std::string Mask(absl::string_view json) const;

 private:
  explicit ConfigSchema(std::shared_ptr<const ConfigNode> root)
      : root_(std::move(root)) {}

  std::shared_ptr<const ConfigNode> root_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CONFIG_SCHEMA_H_
