#include "cli/plugin_options.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::cli {
namespace {

void AddText(CLI::App* command, const char* option, std::string* into,
             const char* help, const char* type) {
  command->add_option(option, *into, help)->type_name(type);
}

void AddRequestId(CLI::App* command, PluginChange* change) {
  AddText(command, "--request-id", &change->request_id,
          "The same again within 10 minutes is done once", "UUID");
}

// What everything has that changes a plugin.
void AddCommon(CLI::App* command, PluginChange* change) {
  AddText(command, "--reason", &change->reason,
          "Kept in the plugin's last change, the host's event and log", "TEXT");
  AddRequestId(command, change);
  command->add_flag("--validate-only", change->validate_only,
                    "Check all, change nothing");
}

void AddEtag(CLI::App* command, PluginChange* change) {
  AddText(command, "--etag", &change->etag,
          "Only if the plugin is still as weir plugins get showed it", "ETAG");
}

void AddSha256(CLI::App* command, PluginChange* change) {
  AddText(command, "--sha256", &change->sha256,
          "Refuse a file with another digest", "HEX");
}

void AddDrainTimeout(CLI::App* command, PluginChange* change) {
  command
      ->add_option_function<std::string>(
          "--drain-timeout",
          [change](const std::string& text) {
            absl::Duration timeout;
            if (!absl::ParseDuration(text, &timeout) ||
                timeout < absl::ZeroDuration() || timeout > absl::Minutes(1)) {
              throw CLI::ValidationError(
                  "--drain-timeout",
                  absl::StrCat("\"", text,
                               "\" is no duration from 0s to 60s, such as "
                               "500ms or 10s"));
            }
            change->drain_timeout = timeout;
          },
          "How long to wait for what is being handled: 0s to 60s")
      ->type_name("DURATION");
}

}  // namespace

void AddLoadOptions(CLI::App* command, PluginChange* change) {
  command
      ->add_option("module", change->module,
                   "File in a plugin folder of the host, counts.so")
      ->required()
      ->type_name("MODULE");
  AddText(command, "--plugin-id", &change->plugin_id,
          "Name of the plugin; default: the module's", "ID");
  AddSha256(command, change);
  command->add_flag("--start-paused", change->start_paused,
                    "Hold messages back until it is resumed");
  AddCommon(command, change);
}

void AddUnloadOptions(CLI::App* command, PluginChange* change) {
  AddDrainTimeout(command, change);
  command->add_flag("--force", change->force,
                    "Do not wait for queued messages");
  command->add_flag("--remove", change->remove,
                    "Forget the plugin and its statistics, too");
  command->add_flag("--allow-missing", change->allow_missing,
                    "No error if there is no such plugin");
  AddSteeringOptions(command, change);
}

void AddUpgradeOptions(CLI::App* command, PluginChange* change) {
  AddText(command, "--module", &change->module,
          "Another file of a plugin folder; default: the same", "MODULE");
  AddSha256(command, change);
  AddRestartOptions(command, change);
}

void AddRestartOptions(CLI::App* command, PluginChange* change) {
  AddDrainTimeout(command, change);
  AddSteeringOptions(command, change);
}

void AddSteeringOptions(CLI::App* command, PluginChange* change) {
  AddEtag(command, change);
  AddCommon(command, change);
}

void AddResetStatsOptions(CLI::App* command, PluginChange* change) {
  AddRequestId(command, change);
}

}  // namespace weir::cli
