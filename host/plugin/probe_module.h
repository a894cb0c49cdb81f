#ifndef WEIR_HOST_PLUGIN_PROBE_MODULE_H_
#define WEIR_HOST_PLUGIN_PROBE_MODULE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {

// What a module says it is. A value.
struct ModuleProbe {
  std::string name;     // As its note says: "counts".
  std::string version;  // "1.0.0"
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;
  std::string config_schema;  // Of weir.config/1; empty: it has none.
};

// Loads the module at `path` in a child, the program at `runner`, and asks its
// entry for the table; with `fenced`, that child may not write, connect or send
// signals, as under the sandbox profile `strict`. So a constructor that crashes
// or hangs costs nothing, and neither does a library that it needs and that is
// missing. No instance is made, so what only an instance can tell, such as the
// kinds of event, is not known. One that dies of being asked for its schema
// without an instance, or takes too long for that, has none. Blocks until the
// child has ended.
//
// Returns InvalidArgument, with a check as CheckElf has them, for a module that
// cannot be loaded (load.dlopen, abi.*, elf.exports), whose schema is too large
// (config.schema), that ends its process (load.crash) or is not done before
// `deadline` (load.time), and Unavailable if there is no child to be had.
absl::StatusOr<ModuleProbe> ProbeModule(const std::string& runner,
                                        const std::string& path,
                                        absl::Duration deadline,
                                        bool fenced = false);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PROBE_MODULE_H_
