#include "tests/host/broker/play_histories.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) std::abort();
  return number;
}

// "//tests/host/broker:broker_model_test", as Bazel says.
std::string Target() {
  const char* const target = std::getenv("TEST_TARGET");
  return target == nullptr ? "TARGET" : target;
}

}  // namespace

PlayedSums PlayHistories(
    uint64_t n, const std::function<ModelDriver::Make(uint64_t seed)>& make) {
  PlayedSums sums;
  const std::string test =
      testing::UnitTest::GetInstance()->current_test_info()->name();
  const uint64_t first = FromEnvironment("WEIR_MODEL_SEED", 1);
  const uint64_t end = first + FromEnvironment("WEIR_MODEL_SEEDS", n);
  for (uint64_t seed = first; seed < end; ++seed) {
    ModelDriver driver(seed, make(seed));
    const std::string wrong = driver.Play(kHistoryOperations);
    if (!wrong.empty()) {
      ADD_FAILURE() << "seed " << seed << ": " << wrong
                    << "\na shorter history that goes wrong:\n"
                    << Shrink(seed, make(seed), kHistoryOperations)
                    << "\nto play it again:\n  bazel test " << Target()
                    << " --test_filter=*" << test
                    << " --test_env=WEIR_MODEL_SEED=" << seed
                    << " --test_env=WEIR_MODEL_SEEDS=1";
      break;
    }
    ++sums.histories;
    sums.events += driver.events_seen();
    sums.gaps += driver.gaps_seen();
    sums.lost += driver.events_lost();
    sums.comebacks += driver.comebacks();
  }
  std::printf(
      "%llu histories: %llu events and %llu gaps seen, %llu lost, %llu times "
      "came back\n",
      static_cast<unsigned long long>(sums.histories),
      static_cast<unsigned long long>(sums.events),
      static_cast<unsigned long long>(sums.gaps),
      static_cast<unsigned long long>(sums.lost),
      static_cast<unsigned long long>(sums.comebacks));
  return sums;
}

}  // namespace weir
