#ifndef WEIR_HOST_SINK_EVENT_JSON_H_
#define WEIR_HOST_SINK_EVENT_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "weir/v1/event.pb.h"

namespace weir {

// Returns `event` as a JSON object: that of protobuf's JSON mapping with the
// names of event.proto ("event_time"), save that a JSON payload is no text but
// what it is, as "data", byte for byte, and that a message of any type is
// `binary` with its type as `data_schema`:
//
//   {"id":"7k2mq9xv-42","seq":"42","append_time":"2026-01-02T03:04:05Z",
//    "type":"hijack.origin","source":"plugins/hijack","subject":"192.0.2.0/24",
//    "severity":"SEVERITY_WARNING","prefixes":["192.0.2.0/24"],
//    "data":{"origin":64496}}
std::string EventToJson(const v1::Event& event);

// Returns a UUID of version 5 that is made of `id`, an event's: the same for
// each delivery of the event, so that receivers see which one they have.
std::string EventUuid(absl::string_view id);

}  // namespace weir

#endif  // WEIR_HOST_SINK_EVENT_JSON_H_
