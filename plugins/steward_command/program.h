#ifndef WEIR_PLUGINS_STEWARD_COMMAND_PROGRAM_H_
#define WEIR_PLUGINS_STEWARD_COMMAND_PROGRAM_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// A program to run: no shell is asked, and it inherits nothing but what stands
// here. Its standard input is empty.
struct ProgramCall {
  std::string path;                           // Absolute.
  std::vector<std::string> arguments;         // From argv[0] on.
  std::vector<std::string> environment;       // "NAME=value"
  std::string directory;                      // Where it runs; empty: "/".
  std::chrono::steady_clock::time_point end;  // Then it is killed.
  size_t max_error_bytes = 64 << 10;  // Of its standard error; cut there.
};

struct ProgramResult {
  std::string not_started;  // Why; else empty.
  bool timed_out = false;
  bool stopped = false;  // Because `on_output` said so.
  int exit_status = 0;   // Of its own accord; ...
  int signal = 0;        // ... or else this ended it.
  std::string errors;    // What it wrote to its standard error.
};

// Runs it to its end. `on_output` is given what it writes to its standard
// output, piece by piece; false ends it. It is in a process group of its own,
// and with it all that is left of the group is killed; also if this process
// dies meanwhile, then the program alone.
ProgramResult RunProgram(
    const ProgramCall& call,
    const std::function<bool(std::string_view)>& on_output);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_COMMAND_PROGRAM_H_
