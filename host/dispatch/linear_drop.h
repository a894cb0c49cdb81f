#ifndef WEIR_HOST_DISPATCH_LINEAR_DROP_H_
#define WEIR_HOST_DISPATCH_LINEAR_DROP_H_

#include <cstddef>
#include <cstdint>
#include <random>

namespace weir {

// Decides which messages a queue that fills up does not take: none below half
// full, then more and more by chance, and all when it is full.
//
//   probability
//        1 |            .
//          |         .
//          |      .
//        0 +------------
//          0    0.5    1   fill
//
// Chance spreads the loss over all peers and prefixes. A queue that only drops
// when it is full loses whatever comes in one burst, and so perhaps all that
// one peer had to say.
//
// LinearDrop decides, and nothing else: it holds no message and no lock. The
// HandlerQueue that owns it calls it under its own. Not thread-safe.
class LinearDrop {
 public:
  // The probability at a `fill` in [0, 1], the queue's length over its
  // capacity.
  static double Probability(double fill);

  // For a queue of `capacity` messages, 1 or more. Equal seeds make equal
  // decisions, on every machine.
  LinearDrop(size_t capacity, uint64_t seed);

  // Whether to drop the next message, with `queued` of them in the queue. Draws
  // a random number only above half full, where the answer is not certain.
  bool ShouldDrop(size_t queued);

 private:
  size_t capacity_;
  std::mt19937_64 random_;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_LINEAR_DROP_H_
