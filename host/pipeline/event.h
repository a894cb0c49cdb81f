#ifndef WEIR_HOST_PIPELINE_EVENT_H_
#define WEIR_HOST_PIPELINE_EVENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "weir/message_fields.h"

namespace weir {

// How bad it is. The numbers of weir.v1.Severity; their order is meaningful.
enum class Severity : int32_t {
  kDebug = 10,
  kInfo = 20,
  kNotice = 30,
  kWarning = 40,
  kError = 50,
  kCritical = 60,
};

// What only a caller of Publish says of an event. A value.
struct EventExtras {
  // The payload, if it is no JSON: bytes, or ...
  std::string binary;
  // ... a google.protobuf.Any.
  std::string any_type_url, any_value;
  std::string data_schema;
  std::string traceparent;
  std::vector<std::string> caused_by;  // IDs of events.

  bool operator==(const EventExtras&) const = default;
};

// Something that happened: what a plugin found, or what the host says. A value.
// What it looks like to a client, and every bound, is weir.v1.Event.
struct Event {
  std::string type;     // "hijack.origin"; "weir." is the host's own prefix.
  std::string source;   // Who says it: "plugins/origin-watch", "host".
  std::string subject;  // What it is about: "192.0.2.0/24".
  Severity severity = Severity::kInfo;
  // When it happened, by the source's clock; InfinitePast if nobody knows.
  absl::Time event_time = absl::InfinitePast();
  std::string json;  // One JSON value, or empty.
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<weir_prefix> prefixes;  // Canonical.
  std::vector<uint32_t> as_numbers;
  std::shared_ptr<const EventExtras> extras;  // Null: none of them.
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_EVENT_H_
