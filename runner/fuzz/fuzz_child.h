#ifndef WEIR_RUNNER_FUZZ_FUZZ_CHILD_H_
#define WEIR_RUNNER_FUZZ_FUZZ_CHILD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner/check/samples.h"

namespace weir {

// Which inputs a child tries; see Mutator.
struct FuzzRange {
  uint64_t seed = 0;
  uint64_t first = 0;
  uint64_t count = 0;         // 0: only says which types the plugin wants.
  uint32_t wanted = 0;        // Those types, as a Mutator has them.
  int64_t timeout_ms = 1000;  // Of one input.
};

// A new instance is made every so many inputs, those whose number is a multiple
// of it: so what an instance has seen depends on the numbers alone.
inline constexpr uint64_t kFuzzBlock = 256;

// What inputs are made of: the messages of `from`, see ReadSamples, or, if it
// is empty, some of each type, and one with every field there is.
absl::StatusOr<std::vector<Sample>> FuzzCorpus(const std::string& from);

// The words of a FuzzRange on a command line, and back; nothing if it is none.
std::vector<std::string> ToWords(const FuzzRange& range);
bool FromWords(const std::vector<std::string>& words, FuzzRange* range);

// The main of a process as RunChild starts it: gives the plugin the inputs of
// `range`, one after the other. Its verdict has the figures "wanted", a
// FuzzRange's, "handled" and "errors". CheckBoard::input tells how far it came.
int RunFuzzChild(const FuzzRange& range, const std::string& from);

}  // namespace weir

#endif  // WEIR_RUNNER_FUZZ_FUZZ_CHILD_H_
