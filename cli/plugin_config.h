#ifndef WEIR_CLI_PLUGIN_CONFIG_H_
#define WEIR_CLI_PLUGIN_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/v1/plugin.pb.h"

namespace weir::cli {

// What the command line says of a plugin's configuration and of its slot's
// settings, as it stands there.
struct ConfigArguments {
  std::string file;                   // JSON, one object; "-": standard input.
  std::vector<std::string> set;       // "threshold=5"
  std::vector<std::string> set_json;  // "peers=[1, 2]"
  std::vector<std::string> unset;     // "threshold"
  std::vector<std::string> settings;  // "capacity=4096"; "capacity=": unset.
  bool reset = false;

  bool empty() const {
    return file.empty() && set.empty() && set_json.empty() && unset.empty() &&
           settings.empty() && !reset;
  }
};

// Writes into `request` what is to change, and names it in the mask: the whole
// configuration if there is a file, else the keys that are named. A value of
// `set` that is a number, true, false or null is that, and all else is text.
// Returns InvalidArgument with what is wrong, or NotFound for a file that
// cannot be read.
absl::Status FillUpdate(const ConfigArguments& arguments,
                        weir::v1::UpdatePluginConfigRequest* request);

// Writes into `config` what is in the file, with the keys that are named.
absl::Status FillConfig(const ConfigArguments& arguments,
                        google::protobuf::Struct* config);

// Writes into `settings` those that are named. The names of values are as in
// the configuration: policy=block, hard_deadline=5s, capacity=4096.
absl::Status FillSettings(const ConfigArguments& arguments,
                          weir::v1::PluginSettings* settings);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_CONFIG_H_
