#ifndef WEIR_RUNNER_FUZZ_FUZZ_MAIN_H_
#define WEIR_RUNNER_FUZZ_FUZZ_MAIN_H_

#include <string>
#include <vector>

namespace weir {

// weir-plugin-runner --fuzz [OPTION]... MODULE: gives a plugin messages that no
// source has sent, for weir plugin fuzz.
//
//   --name=NAME       what the module is called; default: its path's end
//   --config=FILE     the plugin's configuration, one JSON object
//   --from=FILE       messages to begin with, a recording or poison messages;
//                     default: some of each type
//   --seed=N          the same seed tries the same inputs; default: by chance
//   --runs=N          ends after so many inputs; 0, the default: after the time
//   --seconds=N       ends after so long, 1 to 604800; default 60, or no limit
//                     with --runs
//   --timeout-ms=N    of one input, 1 to 3600000; default 1000
//   --out=DIR         where what it finds is written; default: "."
//
// Each input is handled in a child; one that dies of it, does not come back or
// lets an exception out is tried again, alone, or else behind those before it,
// made smaller while it does the same, and written to DIR/NAME-N.json, which
// --check --replay takes. What dies at the same place of the same is told once,
// and so is all that hangs. It ends after 16 of these, or 64 deaths in all.
//
// Writes one JSON object a line to standard output:
//
//   {"found": {"input": 1234, "cause": "SIGSEGV", "where": "x.so+0x1f3a",
//    "message": "SIGSEGV of the address 0x10 at ...", "file": "./x-1234.json",
//    "messages": 1, "reproduced": true}}
//   {"summary": {"module": "x.so", "seed": "7", "runs": 100000, "errors": 12,
//    "found": 1, "again": 3, "ms": 5300}}
//
// Returns 0, 1 if something was found, 2 with a line on standard error if it
// could not begin, and 130 if it was interrupted.
int FuzzMain(const std::vector<std::string>& arguments);

}  // namespace weir

#endif  // WEIR_RUNNER_FUZZ_FUZZ_MAIN_H_
