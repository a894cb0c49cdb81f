// A handler plugin for weir: tells of every thousandth update that it sees.
//
// weir/sdk.h says what a plugin is; weir/bgp.h reads a BGP message with types.
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/sdk.h"

class ExamplePlugin {
 public:
  // What it may emit. The host refuses, and counts, anything else.
  static constexpr std::string_view kEventTypes[] = {"updates.seen"};

  explicit ExamplePlugin(weir::Host host) : host_(host) {}

  // Whether it wants messages of this type. Asked once for each.
  bool WantsMessage(std::string_view type) { return type == "UPDATE"; }

  // How many messages may wait for it. Asked once.
  int QueueCapacity() { return 1024; }

  // One message after the other, all on one thread. A message is gone when this
  // returns: copy what you keep.
  void HandleMessage(weir::Message message) {
    if (++seen_ % kEvery != 0) return;
    host_.emit("updates.seen", host_.source_name(message.source_id()),
               R"({"text":"seen )" + std::to_string(seen_) + R"( updates"})");
  }

 private:
  static constexpr uint64_t kEvery = 1000;

  weir::Host host_;
  uint64_t seen_ = 0;
};

WEIR_PLUGIN(ExamplePlugin, "example-plugin", "0.1.0");
