// Counts what comes in, and says so in a counts.summary event every so often
// and once more at its end. README.md is for those who run it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/counts/tally.h"
#include "plugins/support/settings.h"
#include "weir/sdk.h"

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

class Counts {
 public:
  static constexpr std::string_view kEventTypes[] = {"counts.summary"};

  // A million messages are a second of the fastest source; a day is more than
  // anyone waits.
  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "counts",
  "type": "object",
  "properties": {
    "interval_messages": {
      "description": "A summary after so many messages; 0: not by number.",
      "type": "integer", "minimum": 0, "maximum": 1000000000,
      "default": 100000
    },
    "interval_seconds": {
      "description": "A summary after so many seconds; 0: not by time.",
      "type": "integer", "minimum": 0, "maximum": 86400, "default": 10
    },
    "top_peers": {
      "description": "How many peers a summary names.",
      "type": "integer", "minimum": 0, "maximum": 50, "default": 10
    }
  },
  "additionalProperties": false
})json";
  }

  Counts(weir::Host host, std::string_view config) : host_(host) {
    Reconfigure(config);
  }

  // Goes on counting: what was counted is no matter of how it is told.
  void Reconfigure(std::string_view config) {
    weir::Faults faults;
    weir::SettingsFile file(config, faults);
    weir::Settings& settings = file.root();
    const int64_t messages =
        settings.Integer("interval_messages", 100'000, 0, 1'000'000'000);
    const int64_t seconds = settings.Integer("interval_seconds", 10, 0, 86'400);
    const int64_t peers = settings.Integer("top_peers", 10, 0, 50);
    settings.RefuseOthers();
    faults.ThrowIfAny();
    interval_messages_ = static_cast<uint64_t>(messages);
    interval_ns_ = seconds * kNsPerSecond;
    top_peers_ = static_cast<size_t>(peers);
  }

  Counts(const Counts&) = delete;
  Counts& operator=(const Counts&) = delete;

  // The last word: the host takes events until the instance is gone.
  ~Counts() { Summarize(/*is_final=*/true); }

  // Everything but RAW, which is each message once more, undecoded.
  bool WantsMessage(std::string_view type) const { return type != "RAW"; }

  // A second of the real feed's worst burst, 24,000 messages from one peer.
  int QueueCapacity() const { return 32768; }

  void HandleMessage(weir::Message message) {
    tally_.Count(message);
    // The host's clock as it read the message: no call of our own to make.
    const int64_t now_ns = message.received_ns();
    if (summary_ns_ == 0) summary_ns_ = now_ns;
    const bool enough_messages =
        interval_messages_ > 0 &&
        tally_.messages() - summary_messages_ >= interval_messages_;
    const bool enough_time =
        interval_ns_ > 0 && now_ns - summary_ns_ >= interval_ns_;
    if (!enough_messages && !enough_time) return;
    summary_ns_ = now_ns;
    summary_messages_ = tally_.messages();
    time_ns_ = message.time_ns();
    Summarize(/*is_final=*/false);
  }

 private:
  void Summarize(bool is_final) const {
    const auto name_of = [this](uint16_t id) { return host_.type_name(id); };
    host_.emit({.kind = "counts.summary",
                .subject = "total",
                .json = tally_.ToJson(name_of, top_peers_, is_final),
                .time_ns = is_final ? 0 : time_ns_});
  }

  const weir::Host host_;
  uint64_t interval_messages_ = 0;  // 0: not by number.
  int64_t interval_ns_ = 0;         // 0: not by time.
  size_t top_peers_ = 0;

  weir::Tally tally_;
  uint64_t summary_messages_ = 0;  // At the last summary, as are these:
  int64_t summary_ns_ = 0;         // By the host's clock; 0: no message yet.
  int64_t time_ns_ = 0;            // By the source's.
};

}  // namespace

WEIR_PLUGIN(Counts, "counts", "1.0.0");
