#ifndef WEIR_CLI_PLUGINS_COMMAND_H_
#define WEIR_CLI_PLUGINS_COMMAND_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "cli/plugin_config.h"
#include "cli/session.h"

namespace weir::cli {

// What is to be done to a plugin; each command looks at what is its own. The
// fields are those of the request that it makes (proto/weir/v1/plugin.proto).
struct PluginChange {
  std::string name;  // "counts" or "plugins/counts".
  std::string plugin_id;
  std::string module;
  std::string sha256;
  std::string etag;
  std::string reason;
  std::string request_id;
  std::optional<absl::Duration> drain_timeout;
  bool force = false;
  bool remove = false;
  bool allow_missing = false;
  bool start_paused = false;
  bool cold = false;
  bool validate_only = false;
  ConfigArguments config;  // load, upgrade, configure.
};

// weir plugins list: all slots as rows, or with session.json one weir.v1.Plugin
// a line. Returns the exit code, as all of these.
int RunPluginsList(Session& session);

// weir plugins get NAME: all that is known of one. `name` is "counts" or
// "plugins/counts".
int RunPluginsGet(const std::string& name, Session& session);

// weir plugins schema NAME: the JSON Schema of its configuration, as its author
// wrote it; an error if it has none.
int RunPluginsSchema(const std::string& name, Session& session);

// weir plugins load MODULE and so on: asks for it, waits until it is done, and
// says in one line what became of the plugin; with session.json the response.
// Ctrl-C ends the waiting, not what the host does.
int RunPluginsLoad(const PluginChange& change, Session& session);
int RunPluginsUnload(const PluginChange& change, Session& session);
int RunPluginsReload(const PluginChange& change, Session& session);
int RunPluginsUpgrade(const PluginChange& change, Session& session);
int RunPluginsRollback(const PluginChange& change, Session& session);
int RunPluginsConfigure(const PluginChange& change, Session& session);
int RunPluginsPause(const PluginChange& change, Session& session);
int RunPluginsResume(const PluginChange& change, Session& session);
int RunPluginsQuarantine(const PluginChange& change, Session& session);
int RunPluginsRelease(const PluginChange& change, Session& session);
// Of all plugins, if the name is "-".
int RunPluginsResetStats(const PluginChange& change, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGINS_COMMAND_H_
