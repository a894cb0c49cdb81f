// Counts the sessions that collectors lose, and says once a minute how many it
// were with each peer.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "weir/bgp.h"
#include "weir/sdk.h"
#include "weir/services.h"

class SessionCount {
 public:
  explicit SessionCount(weir::Host host)
      : host_(host), deadline_(host), losses_(host) {}

  bool WantsMessage(std::string_view type) { return type == "STATE"; }
  int QueueCapacity() { return 1024; }

  void HandleMessage(weir::Message message) {
    const weir::bgp::Update update(message);
    if (update.state() != "down" || !update.peer()) return;
    ++lost_[update.peer()->ToString()];
  }

  std::chrono::nanoseconds TickInterval() { return std::chrono::minutes(1); }

  void Tick() {
    while (!lost_.empty() && !deadline_.should_stop()) {
      const auto first = lost_.begin();
      host_.emit("sessions.lost", first->first, std::to_string(first->second));
      lost_.erase(first);
    }
    if (const uint64_t unseen = losses_.SinceLast(); unseen > 0) {
      host_.log(WEIR_SEVERITY_WARNING, std::to_string(unseen) +
                                           " messages never came here; the "
                                           "counts are too low");
    }
  }

 private:
  weir::Host host_;
  weir::Deadline deadline_;
  weir::LossReader losses_;
  std::map<std::string, uint64_t> lost_;  // By peer, since the last tick.
};

WEIR_PLUGIN(SessionCount, "session-count", "1.0.0");
