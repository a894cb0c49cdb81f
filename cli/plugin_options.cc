#include "cli/plugin_options.h"

#include <string>
#include <vector>

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

// One value per mention, so that the next argument is not taken for another.
void AddEach(CLI::App* command, const char* option,
             std::vector<std::string>* into, const char* help,
             const char* type) {
  command->add_option(option, *into, help)
      ->type_name(type)
      ->expected(1)
      ->take_all();
}

void AddKeys(CLI::App* command, PluginChange* change) {
  AddEach(command, "--set", &change->config.set,
          "A key of its configuration; a number, true, false or null is that, "
          "all else is text; repeatable",
          "KEY=VALUE");
  AddEach(command, "--set-json", &change->config.set_json,
          "The same, with any JSON; repeatable", "KEY=JSON");
}

void AddConfig(CLI::App* command, PluginChange* change) {
  AddText(command, "--config", &change->config.file,
          "Its configuration: a file with one JSON object, - is standard "
          "input; default: as it is, or as the host's files say",
          "FILE");
  AddKeys(command, change);
}

void AddSettings(CLI::App* command, PluginChange* change) {
  AddEach(command, "--setting", &change->config.settings,
          "A setting of the host's for it, as in its .yaml: capacity=4096, "
          "policy=block, hard_deadline=5s; repeatable",
          "NAME=VALUE");
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
  AddConfig(command, change);
  AddSettings(command, change);
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
  AddConfig(command, change);
  AddRestartOptions(command, change);
}

void AddConfigureOptions(CLI::App* command, PluginChange* change) {
  AddText(
      command, "--file", &change->config.file,
      "All of its configuration: a file with one JSON object, - is standard "
      "input",
      "FILE");
  AddKeys(command, change);
  AddEach(command, "--unset", &change->config.unset,
          "A key of its configuration that is to go; repeatable", "KEY");
  AddSettings(command, change);
  command->add_flag("--reset", change->config.reset,
                    "Back to what the host's files say, in all");
  AddRestartOptions(command, change);
}

void AddReloadOptions(CLI::App* command, PluginChange* change) {
  command->add_flag("--cold", change->cold, "Without what it knows");
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
