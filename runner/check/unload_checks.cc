#include <dlfcn.h>
#include <link.h>

#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "runner/check/check.h"
#include "runner/check/life.h"
#include "runner/check/process_state.h"

namespace weir {
namespace {

constexpr int kCycles = 50;
constexpr size_t kLeakBytes = 64 * 1024;

// Loads the plugin, leads it through a life on a worker that then ends, as the
// variables of its threads do with it, and unloads it. Returns what it said;
// nothing if there was no life.
std::optional<std::vector<std::string>> LoadLiveUnload(Subject& subject) {
  std::optional<std::vector<std::string>> said;
  OnWorker([&] {
    if (!subject.Load().ok()) return;
    CheckHost host;
    {
      MessageMemory memory({}, subject.board());
      Life life(subject, host, memory);
      if (!life.status().ok()) return;
      life.HandleAll(PlainSamples());
    }
    said = host.said();
  });
  subject.Unload();
  return said;
}

bool IsMapped(const std::string& path) {
  void* const again = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (again == nullptr) return false;
  dlclose(again);
  return true;
}

Verdict Unmapped(Subject& subject) {
  if (!LoadLiveUnload(subject).has_value()) return Skip("there was no life");
  if (!IsMapped(subject.path())) return Pass();
  return Warn(
      "stays in memory after it is unloaded, for a unique symbol, a variable "
      "of a thread that lives, or because it was linked with -z nodelete; in "
      "the host it is pinned");
}

Verdict Fresh(Subject& subject) {
  const auto first = LoadLiveUnload(subject);
  if (!first.has_value()) return Skip("there was no life");
  const auto second = LoadLiveUnload(subject);
  if (!second.has_value()) {
    return Fail(
        "cannot be made again after it was unloaded; give back in destroy "
        "what create took");
  }
  if (*first == *second) return Pass(absl::StrCat(first->size(), " events"));
  // Of what is other each time, a file's name perhaps, nothing is to be learnt.
  if (LoadLiveUnload(subject) != second) return Pass("other events each time");
  return Warn(
      absl::StrCat("says other things after it was loaded anew (",
                   first->size(), " events, then ", second->size(),
                   "); if that is not on purpose, something outlived it"));
}

Verdict Cycles(Subject& subject) {
  if (!LoadLiveUnload(subject).has_value()) return Skip("there was no life");
  const size_t files = OpenFiles().size();
  const size_t threads = ThreadCount();
  for (int i = 0; i < 5; ++i) LoadLiveUnload(subject);
  const size_t bytes = HeapBytes();
  for (int i = 0; i < kCycles; ++i) LoadLiveUnload(subject);
  if (OpenFiles().size() > files) {
    return Fail(absl::StrCat("leaves ", OpenFiles().size() - files,
                             " descriptors open in ", kCycles,
                             " loads and unloads; close them in destroy"));
  }
  if (const size_t now = AwaitThreadCount(threads); now > threads) {
    return Fail(absl::StrCat("leaves ", now - threads, " threads behind in ",
                             kCycles,
                             " loads and unloads; join them in destroy"));
  }
  if (const size_t now = HeapBytes(); now > bytes + kLeakBytes) {
    return Fail(absl::StrCat("leaves ", (now - bytes) / kCycles,
                             " bytes behind each time that it is unloaded; "
                             "free them in destroy, or in the destructors of "
                             "static variables"));
  }
  return Pass(absl::StrCat(kCycles, " loads and unloads"));
}

}  // namespace

std::vector<Check> UnloadChecks() {
  const std::vector<std::string> lives = {"message.plain", "message.read-only",
                                          "message.lifetime"};
  return {{.id = "unload.unmapped",
           .hint = "In a child this is of no account. In the host, a plugin "
                   "that cannot be unmapped is pinned: each upgrade leaves "
                   "one more copy in memory. Compile with -fno-gnu-unique, "
                   "and see to it that no thread outlives destroy.",
           .needs = lives,
           .run = &Unmapped,
           .own_threads = true},
          {.id = "unload.fresh",
           .hint = "A reloaded plugin begins anew. What it kept in a file or "
                   "in a library that stays may be meant to be there.",
           .needs = lives,
           .run = &Fresh,
           .own_threads = true},
          {.id = "unload.cycles",
           .hint = "Each reload and upgrade loads the code anew. What stays "
                   "behind adds up for as long as the host runs.",
           .needs = lives,
           .run = &Cycles,
           .own_threads = true}};
}

}  // namespace weir
