#ifndef WEIR_HOST_PLUGIN_PLUGIN_TABLE_H_
#define WEIR_HOST_PLUGIN_PLUGIN_TABLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "weir/plugin_abi.h"

namespace weir {

// Returns a copy of the table that a plugin's entry returned: as much of it as
// both sides know, zero beyond. Reads nothing past what the plugin declares.
//
// Returns InvalidArgument, naming what is wrong, for null (the plugin does not
// speak our major version), another major version, a table shorter than that of
// version 1.0, and a null function.
absl::StatusOr<weir_plugin> CopyPluginTable(const weir_plugin* table);

// Loads the shared object at `path`, which runs its constructors. The caller
// closes what it gets, with dlclose, or keeps it. Returns InvalidArgument
// "load.dlopen: ..." with what the loader said, and the cure.
absl::StatusOr<void*> OpenLibrary(const std::string& path);

// Asks the entry of `library`, which OpenLibrary returned, for its table. This
// is the first of the plugin's own code that is called, so it may throw; that
// is caught. Returns the errors of CopyPluginTable, and InvalidArgument if
// there is no entry (elf.exports) or if it threw (abi.table).
absl::StatusOr<weir_plugin> EnterPlugin(void* library);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_TABLE_H_
