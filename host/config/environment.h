#ifndef WEIR_HOST_CONFIG_ENVIRONMENT_H_
#define WEIR_HOST_CONFIG_ENVIRONMENT_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// What a configuration may ask of the machine. main() fills it from the real
// one; a test, from thin air.
//
// Thread-safe if `variable` is.
struct Environment {
  // The value of an environment variable, or nothing if it is not set.
  std::function<std::optional<std::string>(absl::string_view name)> variable;
  // The default of `node_id`.
  std::string host_name;
  // Who runs the host, by name: beside root the default of
  // `plugins.allowed_owners`.
  std::string user;
};

// Returns `text` with each "${NAME}" replaced by the variable of that name, and
// each "$${" by a plain "${". What a variable holds is not looked into again.
//
// Returns InvalidArgument if a variable is not set, and for a "${" without a
// name and a "}": say so to whoever wrote `text`.
absl::StatusOr<std::string> Expand(absl::string_view text,
                                   const Environment& environment);

// Returns the text that Expand turns into `text`, whatever the environment.
std::string Unexpand(absl::string_view text);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_ENVIRONMENT_H_
