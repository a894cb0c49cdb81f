#ifndef WEIR_CLI_SOURCES_COMMAND_H_
#define WEIR_CLI_SOURCES_COMMAND_H_

#include <string>

#include "cli/session.h"

namespace weir::cli {

// weir sources list: all sources as rows, or with session.json one
// weir.v1.Source a line. Returns the exit code, as all of these.
int RunSourcesList(Session& session);

// weir sources get NAME: all that is known of one. `name` is "ris-live" or
// "sources/ris-live", here and below.
int RunSourcesGet(const std::string& name, Session& session);

// weir sources pause | resume | reconnect NAME: asks for it, and shows the
// source as it is then. `reason` is kept in the host's event and log.
int RunSourcesPause(const std::string& name, const std::string& reason,
                    Session& session);
int RunSourcesResume(const std::string& name, const std::string& reason,
                     Session& session);
int RunSourcesReconnect(const std::string& name, const std::string& reason,
                        Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_SOURCES_COMMAND_H_
