#ifndef WEIR_RUNNER_CHECK_RUN_ONE_H_
#define WEIR_RUNNER_CHECK_RUN_ONE_H_

#include <string>

#include "runner/check/board.h"
#include "runner/check/check.h"

namespace weir {

// What a process that runs one check finds open.
inline constexpr int kCheckModuleFd = 3;  // The plugin.
inline constexpr int kCheckBoardFd = 4;   // A CheckBoard.
inline constexpr int kCheckConfigFd = 5;  // Its configuration.

// The main of such a process, started by RunChecks: limits what it may use, as
// a plugin's child is limited, and runs the check called `id`. Returns 0 once
// the verdict is on the board, and 70 if there is no such check or board.
// `replay` is Subject::replay.
int RunOneCheck(const std::string& id, const std::string& replay);

// The same, of a check that AllChecks may not have.
int RunInChild(const Check& check, const std::string& replay);

// Runs `check` in this process, on the plugin at `path`, without any limit and
// with every signal as it is: for a debugger.
Verdict RunCheckHere(const Check& check, const std::string& path,
                     const std::string& config, const std::string& replay);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_RUN_ONE_H_
