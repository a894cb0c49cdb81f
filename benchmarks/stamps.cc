// A plugin that emits an event of each message, with the time that
// latency_probe wrote into it.
#include <string>
#include <string_view>

#include "weir/sdk.h"

namespace {

class Stamps {
 public:
  explicit Stamps(weir::sdk::Host host) : host_(host) {}
  bool WantsMessage(std::string_view type) { return type == "UPDATE"; }
  int QueueCapacity() { return 8192; }
  void HandleMessage(weir::sdk::Message message) {
    // The probe's lines have it as the ID: "id":"1000000000000000000".
    constexpr std::string_view kId = "\"id\":\"";
    const std::string_view body = message.body();
    const size_t at = body.find(kId);
    if (at == std::string_view::npos) return;
    json_ = "{\"sent_ns\":";
    json_ += body.substr(at + kId.size(), 19);
    json_ += '}';
    host_.emit("bench.stamp", "", json_);
  }

 private:
  weir::sdk::Host host_;
  std::string json_;
};

}  // namespace

WEIR_PLUGIN(Stamps, "stamps", "1.0.0");
