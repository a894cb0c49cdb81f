#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runner/check/check.h"
#include "runner/check/life.h"
#include "runner/check/process_state.h"

namespace weir {
namespace {

constexpr char kNoInstance[] = "there is no instance";

// Loads the plugin and leads it through a life. Returns whether there was one.
bool Live(Subject& subject) {
  if (!subject.Load().ok()) return false;
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return false;
  life.HandleAll(PlainSamples());
  return true;
}

// Two of them are the check's own.
Verdict Threads(Subject& subject) {
  const size_t before = ThreadCount();
  if (!Live(subject)) return Skip(kNoInstance);
  const size_t after = AwaitThreadCount(before);
  if (after <= before) return Pass();
  return Fail(absl::StrCat("leaves ", after - before,
                           " threads running after destroy; join them in it, "
                           "since its code may be unmapped then"));
}

Verdict Files(Subject& subject) {
  // What a library opens once and for all is no leak; that it grows is.
  if (!Live(subject)) return Skip(kNoInstance);
  const std::vector<int> before = OpenFiles();
  if (!Live(subject)) return Skip(kNoInstance);
  const size_t after = OpenFiles().size();
  if (after <= before.size()) return Pass();
  return Fail(absl::StrCat("leaves ", after - before.size(),
                           " descriptors open after destroy; close them"));
}

Verdict Processes(Subject& subject) {
  // What it leaves is seen by whoever clears up behind this process.
  return Live(subject) ? Pass() : Skip(kNoInstance);
}

Verdict Output(Subject& subject) {
  return Live(subject) ? Pass() : Skip(kNoInstance);
}

// A part of ProcessState that must be the same afterwards.
Check Unchanged(const std::string& part, std::string what, std::string hint) {
  Check check = {
      .id = absl::StrCat("thread.", part),
      .hint = std::move(hint),
      .needs = {"message.plain", "message.read-only", "message.lifetime"}};
  check.run = [part, what = std::move(what)](Subject& subject) {
    const std::string before = ProcessState().at(part);
    if (!Live(subject)) return Skip(kNoInstance);
    if (ProcessState().at(part) == before) return Pass();
    return Fail(absl::StrCat("changes ", what,
                             " of its process, which may be the host's; leave "
                             "it as it is"));
  };
  return check;
}

}  // namespace

std::vector<Check> ThreadChecks() {
  const std::vector<std::string> lives = {"message.plain", "message.read-only",
                                          "message.lifetime"};
  return {
      {.id = "thread.threads",
       .hint = "A plugin may have threads of its own between create and "
               "destroy. One that outlives destroy calls a host that is gone.",
       .needs = lives,
       .run = &Threads},
      {.id = "thread.files",
       .hint = "A plugin in the host shares its table of descriptors, and a "
               "child has 64.",
       .needs = lives,
       .run = &Files},
      {.id = "thread.processes",
       .hint = "A process that a plugin starts must be gone when destroy "
               "returns; the host kills what is left of a child's.",
       .needs = lives,
       .run = &Processes},
      {.id = "thread.output",
       .hint = "Standard output and error are the host's, or nobody's. Use "
               "host.log.",
       .needs = lives,
       .crash_level = CheckLevel::kWarn,
       .run = &Output},
      Unchanged("signals", "how signals are handled",
                "The host has handlers of its own, for crash reports too."),
      Unchanged("locale", "the locale",
                "It is the whole process's, and numbers are read by it. Use "
                "std::from_chars, or newlocale and uselocale on your thread."),
      Unchanged("cwd", "the working directory",
                "Paths of the host and of other plugins count from it. Use "
                "openat."),
      Unchanged("environment", "the environment",
                "setenv while another thread reads it crashes that thread."),
      Unchanged("umask", "the umask",
                "It decides who may read the files of the whole process. Use "
                "fchmod."),
      Unchanged("rounding", "how floating point rounds",
                "Other code of the thread counts on rounding to nearest.")};
}

}  // namespace weir
