// Says so when a collector loses its session with a peer.
#include <string>
#include <string_view>

#include "weir/bgp.h"
#include "weir/sdk.h"

class PeerWatch {
 public:
  explicit PeerWatch(weir::Host host) : host_(host) {}

  bool WantsMessage(std::string_view type) { return type == "STATE"; }
  int QueueCapacity() { return 1024; }

  void HandleMessage(weir::Message message) {
    const weir::bgp::Update update(message);
    if (update.state() != "down" || !update.peer()) return;
    host_.emit("peer.down", update.peer()->ToString(),
               R"({"text":"a collector lost its session"})");
  }

 private:
  weir::Host host_;
};

WEIR_PLUGIN(PeerWatch, "peer-watch", "1.0.0");
