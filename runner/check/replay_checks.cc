// The messages of a file that the caller names.
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runner/check/check.h"
#include "runner/check/life.h"
#include "runner/check/recorded_samples.h"

namespace weir {
namespace {

// Some 20 s of the real feed, and a second or two of a plugin.
constexpr size_t kMaxReplayed = 50'000;

Verdict Messages(Subject& subject) {
  const absl::StatusOr<std::vector<Sample>> samples =
      ReadSamples(subject.replay(), kMaxReplayed);
  if (!samples.ok()) return Skip(std::string(samples.status().message()));
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({.retire = true}, subject.board());
  size_t handed = 0;
  size_t errors = 0;
  std::string first;
  {
    Life life(subject, host, memory);
    if (!life.status().ok()) return Skip("there is no instance");
    for (const Sample& sample : *samples) {
      if (!life.Wants(sample.type)) continue;
      ++handed;
      if (life.Handle(sample) == WEIR_OK) continue;
      if (errors++ == 0) first = sample.what;
    }
  }
  if (!subject.crossed().empty()) {
    subject.board().threw = 1;
    return Fail(absl::StrCat(subject.crossed(), "; catch it"));
  }
  const std::string text =
      absl::StrCat(handed, " of ", samples->size(), " messages were wanted");
  Verdict verdict =
      errors == 0
          ? Pass(text)
          : Warn(absl::StrCat(text, ", and ", errors,
                              " came to an error, first that of ", first));
  verdict.figures = {{"messages", static_cast<double>(handed)},
                     {"errors", static_cast<double>(errors)},
                     {"events", static_cast<double>(host.emits())}};
  return verdict;
}

}  // namespace

std::vector<Check> ReplayChecks() {
  return {{.id = "replay.messages",
           .hint = "What it dies of here it will die of again. The line of "
                   "the file is in what was found; run it under a debugger "
                   "with --in-process replay.messages.",
           .needs = {"load.create"},
           .run = &Messages}};
}

}  // namespace weir
