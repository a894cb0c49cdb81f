#ifndef WEIR_HOST_SINK_NATS_ITEM_H_
#define WEIR_HOST_SINK_NATS_ITEM_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "weir/v1/event.pb.h"

namespace weir {

// By this header a stream knows what comes twice; its value is the event's ID.
inline constexpr char kNatsIdHeader[] = "Nats-Msg-Id";

// What is published of an event, to NATS or to a stream of it.
struct NatsItem {
  std::string id;
  std::string subject;
  std::string json;  // As EventToJson says.
};

// How subjects are made.
struct NatsSubject {
  // "{type}", "{source}" and "{node_id}" are replaced.
  std::string pattern;
  std::string node_id;
};

// Returns InvalidArgument if the event makes no subject, or is longer, with its
// header, than the `max_bytes` that the server takes.
absl::StatusOr<NatsItem> MakeNatsItem(const v1::Event& event,
                                      const NatsSubject& subject,
                                      size_t max_bytes);

}  // namespace weir

#endif  // WEIR_HOST_SINK_NATS_ITEM_H_
