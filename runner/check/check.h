#ifndef WEIR_RUNNER_CHECK_CHECK_H_
#define WEIR_RUNNER_CHECK_CHECK_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runner/check/subject.h"

namespace weir {

enum class CheckLevel { kPass, kWarn, kFail, kSkip };

// What a check came to. A value.
struct Verdict {
  CheckLevel level = CheckLevel::kPass;
  std::string text;  // What is wrong, and the cure; of a pass, what was seen.
  std::vector<std::pair<std::string, double>> figures = {};
};

inline Verdict Pass(std::string text = "") {
  return {CheckLevel::kPass, std::move(text)};
}
inline Verdict Warn(std::string text) {
  return {CheckLevel::kWarn, std::move(text)};
}
inline Verdict Fail(std::string text) {
  return {CheckLevel::kFail, std::move(text)};
}
inline Verdict Skip(std::string text) {
  return {CheckLevel::kSkip, std::move(text)};
}

// One thing that is checked of a plugin, in a process of its own.
struct Check {
  // Stable: "elf.textrel". What is before the dot is its group.
  std::string id;
  // Why it matters and what to do, for somebody who has not met it before.
  std::string hint;
  // Those that must not have come to kFail or have been passed over before it:
  // what it would find is found, or it would find nothing.
  std::vector<std::string> needs;
  // The host does not load a plugin that fails it.
  bool refuses = false;
  // What a crash or a hang in it counts as.
  CheckLevel crash_level = CheckLevel::kFail;
  // Null for what the file itself shows to whoever reads it (module_copy.h).
  std::function<Verdict(Subject&)> run = nullptr;
  // `run` is not called on a worker thread, but makes its own.
  bool own_threads = false;
};

// All of them, in the order in which they are run.
const std::vector<Check>& AllChecks();

// The groups that AllChecks is made of.
std::vector<Check> FileChecks();
std::vector<Check> ConfigChecks();
std::vector<Check> ElfChecks();
std::vector<Check> AbiChecks();
std::vector<Check> LoadChecks();
std::vector<Check> AnswerChecks();
std::vector<Check> MessageChecks();
std::vector<Check> ReplayChecks();
std::vector<Check> StateChecks();
std::vector<Check> ThreadChecks();
std::vector<Check> UnloadChecks();
std::vector<Check> FaultChecks();
std::vector<Check> PerfChecks();

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECK_H_
