#ifndef WEIR_HOST_CONFIG_LOAD_CONFIG_H_
#define WEIR_HOST_CONFIG_LOAD_CONFIG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "weir/v1/config.pb.h"

namespace weir {

// A configuration that was loaded, or why it was not.
struct ConfigResult {
  bool ok() const { return errors.empty(); }

  // With all defaults (EffectiveConfig). Of use only if ok().
  v1::HostConfig config;
  // Every fault, in the order of the file: print them with ToString.
  std::vector<ConfigError> errors;
};

// Reads, fills in and checks the configuration in the file at `path`. An empty
// file is one, with all defaults. Faults of several kinds are found at once,
// each thing being said once: after a misspelled `ris_live` the source is not
// also said to have no kind.
//
// If there is no such file, if it is a directory, cannot be read, or is larger
// than kMaxConfigBytes, that is the only fault. Blocks on a pipe until its
// writer is done.
ConfigResult LoadConfigFile(const std::string& path,
                            const Environment& environment);

// Does the same with the `text` of a file.
ConfigResult LoadConfigText(absl::string_view text,
                            const Environment& environment);

// What holds for one slot, or why it does not.
struct PluginConfigResult {
  bool ok() const { return errors.empty(); }

  // Merged from all three places (MergePluginConfig). Of use only if ok().
  v1::PluginConfig config;
  // Every fault of name.yaml.
  std::vector<ConfigError> errors;
};

// Reads the name.yaml at `path`, if it is there, and returns it merged with
// what `host` says of the slot `id`, and checked against it. No such file is no
// fault. `host` comes from LoadConfigFile.
PluginConfigResult LoadPluginConfig(const std::string& path,
                                    const std::string& id,
                                    const v1::HostConfig& host,
                                    const Environment& environment);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_LOAD_CONFIG_H_
