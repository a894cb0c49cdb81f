// Whatever a configuration file holds: what loads without a fault, printed and
// loaded again, is the same.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/util/message_differencer.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "host/config/load_config.h"
#include "host/config/proto_to_yaml.h"

namespace {

std::optional<std::string> Variable(absl::string_view name) {
  if (name == "UNSET") return std::nullopt;
  return "${" + std::string(name) + "}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const weir::Environment environment = {Variable, "a-host", "a-user"};
  const weir::ConfigResult first = weir::LoadConfigText(text, environment);
  for (const weir::ConfigError& error : first.errors) {
    if (weir::ToString(error, "file").size() < 6) std::abort();
  }
  if (!first.ok()) return 0;
  const std::string printed = weir::ProtoToYaml(first.config);
  const weir::ConfigResult again = weir::LoadConfigText(printed, environment);
  for (const weir::ConfigError& error : again.errors) {
    std::puts(weir::ToString(error, "printed").c_str());
  }
  if (!again.ok() || !google::protobuf::util::MessageDifferencer::Equals(
                         first.config, again.config)) {
    std::puts(printed.c_str());
    std::abort();
  }
  return 0;
}
