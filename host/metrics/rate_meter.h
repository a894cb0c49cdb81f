#ifndef WEIR_HOST_METRICS_RATE_METER_H_
#define WEIR_HOST_METRICS_RATE_METER_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir {

// How many per second, over the last 60 s, or since the first Add while
// younger. Counts in slots of one second. Not thread-safe.
class RateMeter {
 public:
  // Adds `n` at `now_ns`, of any monotonic clock, the same for all calls.
  void Add(uint64_t n, int64_t now_ns);

  // Returns the rate per second at `now_ns`.
  double PerSecond(int64_t now_ns);

 private:
  static constexpr int64_t kSeconds = 60;

  void Turn(int64_t now_ns);

  std::array<uint64_t, kSeconds> counts_ = {};
  uint64_t total_ = 0;
  bool started_ = false;
  int64_t first_ns_ = 0;
  int64_t second_ = 0;  // The one that is being counted.
};

}  // namespace weir

#endif  // WEIR_HOST_METRICS_RATE_METER_H_
