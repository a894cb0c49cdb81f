#ifndef WEIR_RUNNER_PROBE_H_
#define WEIR_RUNNER_PROBE_H_

#include <string>

namespace weir {

// Loads the library at `path`, as Worker does, and asks its entry for the
// table; makes no instance. Writes a line to standard output, a JSON object:
//
//   {"name": "counts", "version": "1.0.0", "abi_major": 1, "abi_minor": 0}
//   {"check": "load.dlopen", "error": "libfoo.so.1: cannot open ..."}
//
// and then, if the plugin has weir.config/1, a second one, with its schema or
// what is wrong with it:
//
//   {"config_schema": "{\"type\": \"object\"}"}
//   {"check": "config.schema", "error": "it has 300000 bytes; ..."}
//
// Whatever the library writes to standard output goes to standard error.
// Returns the exit status: 0, and 1 after an error.
//
// With `fenced`, what the library may do meanwhile is what profile strict lets
// a plugin do while it is made.
int Probe(const std::string& path, bool fenced);

}  // namespace weir

#endif  // WEIR_RUNNER_PROBE_H_
