#ifndef WEIR_TESTS_HOST_BROKER_PLAY_HISTORIES_H_
#define WEIR_TESTS_HOST_BROKER_PLAY_HISTORIES_H_

#include <cstdint>
#include <functional>

#include "tests/host/broker/model_driver.h"

namespace weir {

inline constexpr int kHistoryOperations = 60;

// What was seen in all histories together.
struct PlayedSums {
  uint64_t histories = 0, events = 0, gaps = 0, lost = 0, comebacks = 0;
};

// Plays the histories of the seeds 1 to `n`; WEIR_MODEL_SEED sets another first
// one, and WEIR_MODEL_SEEDS how many there are. `make` returns what makes the
// broker of a seed.
//
// The test fails at the first history that goes wrong. Of that all is left out
// that is not needed, and what is left is printed with the command that plays
// it again.
PlayedSums PlayHistories(
    uint64_t n, const std::function<ModelDriver::Make(uint64_t seed)>& make);

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_PLAY_HISTORIES_H_
