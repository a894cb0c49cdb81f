#include "host/plugin/config_change.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/status/error_info.h"
#include "nlohmann/json.hpp"

namespace weir {

namespace {

using Json = nlohmann::json;

Json ParseObject(absl::string_view text) {
  Json value = Json::parse(text.begin(), text.end(), nullptr,
                           /*allow_exceptions=*/false);
  return value.is_object() ? value : Json::object();
}

}  // namespace

std::string ReplaceConfigKeys(absl::string_view before,
                              absl::string_view change,
                              const std::vector<std::string>& keys) {
  Json config = ParseObject(before);
  const Json with = ParseObject(change);
  for (const std::string& key : keys) {
    if (with.contains(key)) {
      config[key] = with[key];
    } else {
      config.erase(key);
    }
  }
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status ConfigInvalid(absl::StatusCode code, absl::string_view plugin,
                           const std::vector<ConfigFault>& faults) {
  const std::string all =
      absl::StrJoin(faults, "; ", [](std::string* out, const ConfigFault& f) {
        absl::StrAppend(out, f.pointer.empty() ? "/" : f.pointer, ": ", f.what);
      });
  ErrorInfo info = {
      .reason = "PLUGIN_CONFIG_INVALID",
      .metadata = {{"name", std::string(plugin)}, {"detail", all}}};
  for (const ConfigFault& fault : faults) {
    info.field_violations.emplace_back(absl::StrCat("config", fault.pointer),
                                       fault.what);
  }
  return MakeError(code, absl::StrCat(plugin, ": its configuration: ", all),
                   info);
}

}  // namespace weir
