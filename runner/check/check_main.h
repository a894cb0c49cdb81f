#ifndef WEIR_RUNNER_CHECK_CHECK_MAIN_H_
#define WEIR_RUNNER_CHECK_CHECK_MAIN_H_

#include <string>
#include <vector>

namespace weir {

// weir-plugin-runner --check [OPTION]... MODULE: the validator, for weir plugin
// check and for the host.
//
//   --name=NAME          what the module is called; default: its path's end
//   --config=FILE        the plugin's configuration, one JSON object
//   --include=REGEX      only checks of which a part of the id matches;
//   repeated:
//                        any of them (POSIX extended)
//   --exclude=REGEX      not those; stronger than --include
//   --replay=FILE        messages to give it too, in replay.messages; see
//                        recorded_samples.h
//   --timeout-ms=N       of each check, 1 to 3600000; default 15000
//   --in-process=ID      one check, in this process, for a debugger
//
// Writes one JSON object a line to standard output as each check ends, and one
// behind them:
//
//   {"check": "elf.textrel", "level": "fail", "message": "has relocations ...",
//    "hint": "Code that ...", "refuses": true, "ms": 3, "figures": {}}
//   {"summary": {"module": "x.so", "name": "x", "version": "1.0.0",
//    "abi_version": 1, "pass": 50, "warn": 0, "fail": 1, "skip": 3,
//    "loadable": false}}
//
// `level` is pass, warn, fail or skip. With `refuses`, the host loads no plugin
// that fails the check; `loadable` says that there is none of these.
//
// Returns 0, 1 if a check failed, 2 with a line on standard error if it could
// not begin, and 130 if it was interrupted.
int CheckMain(const std::vector<std::string>& arguments);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECK_MAIN_H_
