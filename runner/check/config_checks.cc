// What the plugin says of its configuration, asked as the host asks it: without
// an instance.
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/config_schema.h"
#include "runner/check/check.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

constexpr uint64_t kMaxSchemaBytes = uint64_t{256} << 10;  // As the probe.

// The text of its schema; empty if it has none.
absl::StatusOr<std::string> SchemaText(Subject& subject) {
  const auto* const config = static_cast<const weir_ext_config*>(
      subject.GetExt(nullptr, WEIR_EXT_CONFIG));
  if (config == nullptr) return std::string();
  if (config->struct_size < sizeof(weir_ext_config)) {
    return absl::InvalidArgumentError(
        absl::StrCat("its weir.config/1 has ", config->struct_size, " of ",
                     sizeof(weir_ext_config), " bytes; the host ignores it"));
  }
  if (config->schema.len > kMaxSchemaBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has ", config->schema.len, " bytes; at most ",
                     kMaxSchemaBytes, " are read"));
  }
  return std::string(config->schema.data, config->schema.len);
}

absl::StatusOr<ConfigSchema> Schema(Subject& subject) {
  const absl::StatusOr<std::string> text = SchemaText(subject);
  if (!text.ok()) return text.status();
  return ConfigSchema::Parse(*text);
}

Verdict IsSchema(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  const absl::StatusOr<ConfigSchema> schema = Schema(subject);
  if (schema.ok()) return Pass();
  return Fail(std::string(schema.status().message()));
}

Verdict Values(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  const absl::StatusOr<ConfigSchema> schema = Schema(subject);
  if (!schema.ok()) return Skip("its schema is none");
  const ConfigSchema::Checked checked = schema->Check(subject.config());
  std::string faults;
  for (const ConfigFault& fault : checked.faults) {
    absl::StrAppend(&faults, faults.empty() ? "" : "; ", fault.pointer,
                    fault.pointer.empty() ? "" : ": ", fault.what);
  }
  if (faults.empty()) return Pass();
  return Fail(absl::StrCat(
      faults, subject.config() == "{}" ? "; give one with --config FILE" : ""));
}

}  // namespace

std::vector<Check> ConfigChecks() {
  return {
      {.id = "config.schema",
       .hint = "The host checks every configuration by the plugin's schema "
               "before the plugin sees it, and loads none whose schema it "
               "cannot read. The guide lists the keywords.",
       .needs = {"abi.early-extension"},
       .refuses = true,
       .run = &IsSchema},
      {.id = "config.values",
       .hint = "What does not pass the schema the host does not give to the "
               "plugin. What is checked here is what --config says, or an "
               "empty object, with the defaults filled in.",
       .needs = {"config.schema"},
       .refuses = true,
       .run = &Values}};
}

}  // namespace weir
