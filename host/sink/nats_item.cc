#include "host/sink/nats_item.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/nats/nats_subject.h"
#include "host/sink/event_json.h"

namespace weir {
namespace {

// "NATS/1.0", the header and two ends of lines, beside the ID.
constexpr size_t kHeaderBytes = sizeof(kNatsIdHeader) + 20;

}  // namespace

absl::StatusOr<NatsItem> MakeNatsItem(const v1::Event& event,
                                      const NatsSubject& subject,
                                      size_t max_bytes) {
  NatsItem item;
  item.id = event.id();
  item.subject =
      absl::StrReplaceAll(subject.pattern, {{"{type}", event.type()},
                                            {"{source}", event.source()},
                                            {"{node_id}", subject.node_id}});
  if (item.subject.size() > kMaxNatsSubjectBytes ||
      !MakesNatsSubject(item.subject)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", item.subject, "\" is no subject to publish to"));
  }
  item.json = EventToJson(event);
  const size_t size = item.json.size() + item.id.size() + kHeaderBytes;
  if (size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the event has ", size, " bytes, and the server takes ", max_bytes));
  }
  return item;
}

}  // namespace weir
