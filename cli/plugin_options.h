#ifndef WEIR_CLI_PLUGIN_OPTIONS_H_
#define WEIR_CLI_PLUGIN_OPTIONS_H_

#include "CLI/CLI.hpp"
#include "cli/plugins_command.h"

// What can be said beside the name on the command lines that change a plugin.
// Each fills in its fields of `change`, which outlives the parse; a value that
// cannot be is a CLI::ValidationError that names the option and the bound.
namespace weir::cli {

// MODULE, --plugin-id, --sha256, --start-paused, --config, --set, --set-json,
// --setting.
void AddLoadOptions(CLI::App* command, PluginChange* change);
// --drain-timeout, --force, --remove, --allow-missing, --etag.
void AddUnloadOptions(CLI::App* command, PluginChange* change);
// --module, --sha256, --config, --set, --set-json, --drain-timeout, --etag.
void AddUpgradeOptions(CLI::App* command, PluginChange* change);
// reload, rollback, quarantine: --drain-timeout, --etag.
void AddReloadOptions(CLI::App* command, PluginChange* change);
void AddRestartOptions(CLI::App* command, PluginChange* change);
// --file, --set, --set-json, --unset, --setting, --reset, --drain-timeout,
// --etag.
void AddConfigureOptions(CLI::App* command, PluginChange* change);
// pause, resume, release: --etag. And with all of the above: --reason,
// --request-id, --validate-only.
void AddSteeringOptions(CLI::App* command, PluginChange* change);
// --request-id.
void AddResetStatsOptions(CLI::App* command, PluginChange* change);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_OPTIONS_H_
