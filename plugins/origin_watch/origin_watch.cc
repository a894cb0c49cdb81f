// Emits hijack.origin and hijack.subprefix when a watched prefix, or a more
// specific of one, is announced by an AS that it does not belong to, and
// hijack.end when that is over. README.md is for those who run it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/origin_watch/alarms.h"
#include "plugins/origin_watch/watch_list.h"
#include "plugins/support/json_text.h"
#include "plugins/support/settings.h"
#include "weir/bgp.h"
#include "weir/message_fields.h"
#include "weir/prefix.h"
#include "weir/sdk.h"

namespace {

using weir::Alarm;
using weir::Watched;

constexpr int64_t kNsPerSecond = 1'000'000'000;
// Far longer than any path that was not made to hurt.
constexpr size_t kMaxPathInEvent = 128;
// With at most 32 that are expected, no more than the 64 of an event.
constexpr size_t kMaxUnexpectedInEvent = 32;

class OriginWatch {
 public:
  static constexpr std::string_view kEventTypes[] = {
      "hijack.origin", "hijack.subprefix", "hijack.end"};

  // What a prefix is, and that none is there twice, is more than a schema says.
  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "origin-watch",
  "type": "object",
  "properties": {
    "watch": {
      "description": "The prefixes, and the ASes that may originate them.",
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "prefix": {
            "description": "192.0.2.0/24 or 2001:db8::/32",
            "type": "string", "maxLength": 64
          },
          "origins": {
            "type": "array", "minItems": 1, "maxItems": 32,
            "items": {"type": "integer", "minimum": 0, "maximum": 4294967295}
          },
          "max_length": {
            "description": "More specifics up to here are the owner's own.",
            "type": "integer", "minimum": 0, "maximum": 128
          },
          "name": {
            "description": "What is said with an event of it.",
            "type": "string", "maxLength": 63
          }
        },
        "required": ["prefix", "origins"],
        "additionalProperties": false
      }
    },
    "repeat_interval_s": {
      "description": "An alarm that lasts is told again after so long.",
      "type": "integer", "minimum": 60, "maximum": 31536000, "default": 86400
    },
    "max_alarms": {
      "description": "Alarms at once, of which the oldest is forgotten.",
      "type": "integer", "minimum": 1, "maximum": 1000000, "default": 10000
    }
  },
  "additionalProperties": false
})json";
  }

  OriginWatch(weir::Host host, std::string_view config)
      : OriginWatch(host, config, weir::Faults()) {}

  OriginWatch(const OriginWatch&) = delete;
  OriginWatch& operator=(const OriginWatch&) = delete;

  bool WantsMessage(std::string_view type) const {
    return !watch_.empty() && (type == "UPDATE" || type == "STATE");
  }

  // A second of the real feed's worst burst, 24,000 messages from one peer.
  int QueueCapacity() const { return 32768; }

  void HandleMessage(weir::Message message) {
    const weir::bgp::Update update(message);
    const auto address = update.peer();
    if (!address) return;
    time_ns_ = TimeOf(message);
    const auto peer = [&] {
      return alarms_.PeerIndex(update.collector(), *address);
    };
    // Most messages are about none of what is watched: no look-up for those.
    if (!alarms_.empty()) {
      if (update.state() == "down") alarms_.PeerDown(peer());
      for (const weir_prefix& withdrawn : update.withdrawn()) {
        const weir::bgp::Prefix prefix(withdrawn);
        if (watch_.Match(prefix) == nullptr) continue;
        alarms_.Gone(peer(), prefix, "withdrawn");
      }
    }
    // An empty path has no origin: a route of the peer's own AS.
    if (update.path().empty()) return;
    for (const weir_prefix& announced : update.announced()) {
      const weir::bgp::Prefix prefix(announced);
      const Watched* const watched = watch_.Match(prefix);
      if (watched != nullptr) {
        Judge(update, announced, prefix, *watched, peer());
      }
    }
  }

 private:
  OriginWatch(weir::Host host, std::string_view config, weir::Faults faults)
      : OriginWatch(host, weir::SettingsFile(config, faults).root(), faults) {}

  OriginWatch(weir::Host host, weir::Settings& settings, weir::Faults& faults)
      : host_(host),
        watch_(settings),
        // From a minute, so that it is a reminder and no stream, to a year.
        repeat_ns_(
            settings.Integer("repeat_interval_s", 86'400, 60, 31'536'000) *
            kNsPerSecond),
        alarms_(static_cast<size_t>(
                    settings.Integer("max_alarms", 10'000, 1, 1'000'000)),
                [this](const Alarm& alarm, std::string_view why) {
                  TellEnd(alarm, why);
                }) {
    settings.RefuseOthers();
    faults.ThrowIfAny();
    if (watch_.empty()) {
      host_.log(WEIR_SEVERITY_WARNING,
                "watches nothing; list your prefixes and their origins in the "
                "setting watch");
    }
  }

  // By the source's clock, so that a recording tells what the live feed told.
  static int64_t TimeOf(weir::Message message) {
    return message.time_ns() != 0 ? message.time_ns() : message.received_ns();
  }

  // What `prefix`, which `watched` covers, from that origin means.
  void Judge(const weir::bgp::Update& update, const weir_prefix& announced,
             const weir::bgp::Prefix& prefix, const Watched& watched,
             uint32_t peer) {
    const weir::Origin origin = weir::Origin::Of(update.path());
    const std::vector<uint32_t> unexpected =
        weir::WatchList::Unexpected(watched, origin);
    if (unexpected.empty()) {
      alarms_.Gone(peer, prefix, "replaced");
      return;
    }
    const uint64_t forgotten = alarms_.forgotten();
    Alarm& alarm = alarms_.Announced(peer, prefix, watched, origin, time_ns_);
    if (alarms_.forgotten() != forgotten) {
      host_.log(WEIR_SEVERITY_WARNING,
                "more alarms at once than max_alarms; the one seen least "
                "recently was forgotten and will be told again");
    }
    if (alarm.told_ns != 0 && time_ns_ - alarm.told_ns < repeat_ns_) return;
    // One that the host did not take is tried again at the next announcement.
    if (TellStart(update, announced, alarm, unexpected)) {
      alarm.told_ns = time_ns_;
    }
  }

  static std::string Describe(const Alarm& alarm,
                              const std::vector<uint32_t>& unexpected) {
    std::string text;
    if (alarm.prefix != alarm.watched->prefix) {
      text = "a more specific of " + alarm.watched->prefix.ToString() + ", ";
    }
    text += "originated by " + alarm.origin.ToString();
    if (alarm.origin.is_set) {
      text += " with unexpected " + List(unexpected);
    }
    return text + ", expected " + List(alarm.watched->origins);
  }

  static std::string List(const std::vector<uint32_t>& numbers) {
    return weir::Origin{numbers}.ToString();
  }

  static void WriteNumbers(weir::JsonText& json, std::string_view key,
                           const std::vector<uint32_t>& numbers) {
    json.Key(key).Begin('[');
    for (const uint32_t number : numbers) json.Number(number);
    json.End(']');
  }

  // The members that all three kinds of event begin with.
  static void WriteAlarm(weir::JsonText& json, const Alarm& alarm,
                         const std::vector<uint32_t>& unexpected,
                         std::string_view text) {
    json.Begin('{').Key("text").Text(text);
    json.Key("prefix").Text(alarm.prefix.ToString());
    json.Key("watched").Text(alarm.watched->prefix.ToString());
    if (!alarm.watched->name.empty()) {
      json.Key("name").Text(alarm.watched->name);
    }
    json.Key("origin").Number(unexpected.front());
    if (alarm.origin.is_set) {
      std::vector<uint32_t> members = alarm.origin.members;
      if (members.size() > kMaxUnexpectedInEvent) {
        members.resize(kMaxUnexpectedInEvent);
      }
      WriteNumbers(json, "origin_set", members);
    }
    WriteNumbers(json, "expected", alarm.watched->origins);
    json.Key("peers_seen").Number(alarm.peers_seen);
  }

  bool TellStart(const weir::bgp::Update& update, const weir_prefix& announced,
                 const Alarm& alarm,
                 const std::vector<uint32_t>& unexpected) const {
    weir::JsonText json;
    WriteAlarm(json, alarm, unexpected, Describe(alarm, unexpected));
    json.Key("path").Text(update.path().ToString(kMaxPathInEvent));
    json.Key("peer").Text(update.peer()->ToString());
    json.Key("peer_asn").Number(update.peer_asn());
    json.Key("collector").Text(update.collector());
    json.Key("message_id").Text(update.id());
    if (const auto next_hop = update.next_hop(announced)) {
      json.Key("next_hop").Text(next_hop->ToString());
    }
    json.End('}');
    const bool exact = alarm.prefix == alarm.watched->prefix;
    // Every router prefers the more specific, but only some the other origin.
    return Emit(exact ? "hijack.origin" : "hijack.subprefix",
                exact ? WEIR_SEVERITY_ERROR : WEIR_SEVERITY_CRITICAL, alarm,
                unexpected, json.text());
  }

  void TellEnd(const Alarm& alarm, std::string_view why) const {
    if (alarm.told_ns == 0) return;  // Nobody knows that it began.
    const std::vector<uint32_t> unexpected =
        weir::WatchList::Unexpected(*alarm.watched, alarm.origin);
    weir::JsonText json;
    WriteAlarm(json, alarm, unexpected,
               "no longer " + Describe(alarm, unexpected));
    json.Key("why").Text(why);
    json.Key("duration_s")
        .Number(static_cast<uint64_t>(
            std::max<int64_t>(0, time_ns_ - alarm.first_ns) / kNsPerSecond));
    json.End('}');
    Emit("hijack.end", WEIR_SEVERITY_NOTICE, alarm, unexpected, json.text());
  }

  bool Emit(std::string_view kind, int severity, const Alarm& alarm,
            std::vector<uint32_t> as_numbers, std::string_view json) const {
    if (as_numbers.size() > kMaxUnexpectedInEvent) {
      as_numbers.resize(kMaxUnexpectedInEvent);
    }
    as_numbers.insert(as_numbers.end(), alarm.watched->origins.begin(),
                      alarm.watched->origins.end());
    std::vector<weir_prefix> prefixes = {alarm.prefix.raw()};
    if (alarm.prefix != alarm.watched->prefix) {
      prefixes.push_back(alarm.watched->prefix.raw());
    }
    const weir_label name = {weir::ToStr("name"),
                             weir::ToStr(alarm.watched->name)};
    const std::string subject = alarm.prefix.ToString();
    weir::Event event = {.kind = kind,
                         .subject = subject,
                         .json = json,
                         .severity = severity,
                         .time_ns = time_ns_,
                         .prefixes = prefixes,
                         .as_numbers = as_numbers};
    if (!alarm.watched->name.empty()) event.labels = {&name, 1};
    return host_.emit(event);
  }

  const weir::Host host_;
  const weir::WatchList watch_;
  const int64_t repeat_ns_;
  weir::Alarms alarms_;
  int64_t time_ns_ = 0;  // Of the message in hand.
};

}  // namespace

WEIR_PLUGIN(OriginWatch, "origin-watch", "1.0.0");
