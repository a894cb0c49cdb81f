// A plugin that looks at each message, as the cheapest real one does.
#include <cstdint>
#include <string_view>

#include "weir/sdk.h"

namespace {

class Touches {
 public:
  bool WantsMessage(std::string_view type) { return type != "RAW"; }
  int QueueCapacity() { return 8192; }
  void HandleMessage(weir::sdk::Message message) {
    sum_ = sum_ + message.seq() + message.body().size();
  }

 private:
  // Volatile: what nobody reads is not worth its computation.
  volatile uint64_t sum_ = 0;
};

}  // namespace

WEIR_PLUGIN(Touches, "touches", "1.0.0");
