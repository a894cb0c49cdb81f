// Counts the sessions that collectors lose, and says once a minute how many it
// were with each peer.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "weir/bgp.h"
#include "weir/sdk.h"
#include "weir/services.h"

class SessionCount {
 public:
  explicit SessionCount(weir::Host host)
      : host_(host),
        deadline_(host),
        losses_(host),
        store_(host),
        health_(host),
        ends_(host, "session_ends_total", "Sessions that were lost.") {
    days_ = std::atoi(store_.Get("days").value_or("0").c_str());
  }

  bool WantsMessage(std::string_view type) { return type == "STATE"; }
  int QueueCapacity() { return 1024; }

  void HandleMessage(weir::Message message) {
    const weir::bgp::Update update(message);
    if (update.state() != "down" || !update.peer()) return;
    ++lost_[update.peer()->ToString()];
    ends_.Add();
  }

  std::string SaveState() {
    std::string state;
    for (const auto& [peer, n] : lost_) {
      state += peer + " " + std::to_string(n) + "\n";
    }
    return state;
  }
  void LoadState(std::string_view state) {
    std::istringstream lines{std::string(state)};
    lost_.clear();
    for (std::string peer; lines >> peer;) {
      if (!(lines >> lost_[peer])) throw std::runtime_error("no count");
    }
  }

  std::chrono::nanoseconds TickInterval() { return std::chrono::minutes(1); }

  void Tick() {
    while (!lost_.empty() && !deadline_.should_stop()) {
      const auto first = lost_.begin();
      host_.emit("sessions.lost", first->first, std::to_string(first->second));
      lost_.erase(first);
    }
    if (const uint64_t unseen = losses_.SinceLast(); unseen > 0) {
      health_.Degraded(std::to_string(unseen) + " messages never came here");
    } else {
      health_.Ok();
    }
    if (++ticks_ % (24 * 60) == 0) store_.Put("days", std::to_string(++days_));
  }

 private:
  weir::Host host_;
  weir::Deadline deadline_;
  weir::LossReader losses_;
  weir::KeyValues store_;
  weir::Health health_;
  weir::Counter ends_;
  int days_ = 0;  // That it has run in all, over restarts.
  int ticks_ = 0;
  std::map<std::string, uint64_t> lost_;  // By peer, since the last tick.
};

WEIR_PLUGIN(SessionCount, "session-count", "1.0.0");
