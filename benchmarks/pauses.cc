// Emits how long it was from the last message of the instance before to the
// first of this one; if nobody handed over when that was, when the first was.
#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/sdk.h"

namespace {

class Pauses {
 public:
  explicit Pauses(weir::sdk::Host host) : host_(host) {}
  bool WantsMessage(std::string_view type) { return type == "UPDATE"; }
  int QueueCapacity() { return 8192; }
  void HandleMessage(weir::sdk::Message) {
    timespec time = {};
    clock_gettime(CLOCK_MONOTONIC, &time);
    const int64_t now_ns = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    if (first_ && last_ns_ > 0) {
      host_.emit("pause", "", std::to_string(now_ns - last_ns_));
    } else if (first_) {
      host_.emit("first", "", std::to_string(now_ns));
    }
    first_ = false;
    last_ns_ = now_ns;
  }
  std::string SaveState() { return std::to_string(last_ns_); }
  void LoadState(std::string_view state) {
    last_ns_ = std::atoll(std::string(state).c_str());
  }

 private:
  weir::sdk::Host host_;
  bool first_ = true;
  int64_t last_ns_ = 0;
};

}  // namespace

WEIR_PLUGIN(Pauses, "pauses", "1.0.0");
