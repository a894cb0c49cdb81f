#ifndef WEIR_RUNNER_FUZZ_MUTATOR_H_
#define WEIR_RUNNER_FUZZ_MUTATOR_H_

#include <cstdint>
#include <random>
#include <vector>

#include "runner/check/samples.h"

namespace weir {

// Makes messages that no source has sent of such as one has. What a host
// promises of its messages they keep: each key once, texts are UTF-8, arrays
// whole, prefixes canonical, ranges and next hops within their arrays. A
// payload may be anything.
//
// The same corpus, seed and number make the same message, on every machine.
// Immutable.
class Mutator {
 public:
  // `wanted` has a bit for each type that a message may be of, by its place in
  // kCheckTypes; those of other types are left out of the corpus. Nothing can
  // be made if it is empty then.
  Mutator(std::vector<Sample> corpus, uint64_t seed, uint32_t wanted);

  bool empty() const { return corpus_.empty(); }

  // The `n`-th, from 0: the corpus as it is, and then others.
  Sample Make(uint64_t n) const;

 private:
  using Random = std::mt19937_64;

  void Change(Sample& sample, Random& random) const;

  std::vector<Sample> corpus_;
  std::vector<uint16_t> types_;
  const uint64_t seed_;
};

}  // namespace weir

#endif  // WEIR_RUNNER_FUZZ_MUTATOR_H_
