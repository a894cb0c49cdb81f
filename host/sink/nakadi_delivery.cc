#include "host/sink/nakadi_delivery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/sink/event_json.h"
#include "lib/nakadi/error.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

Outcome OutcomeOf(const nakadi::PublishedItem& item) {
  if (item.status == nakadi::PublishedItem::Status::kSubmitted) {
    return Outcome::kDelivered;
  }
  if (item.status == nakadi::PublishedItem::Status::kAborted) {
    return Outcome::kHeldUp;
  }
  return item.is_refused() ? Outcome::kRejected : Outcome::kFailed;
}

// Whether everything in [begin, end) is settled, so that what follows may go.
bool IsSettled(const std::vector<Outcome>& outcomes, size_t begin, size_t end) {
  return std::all_of(
      outcomes.begin() + static_cast<ptrdiff_t>(begin),
      outcomes.begin() + static_cast<ptrdiff_t>(end), [](Outcome outcome) {
        return outcome == Outcome::kDelivered || outcome == Outcome::kRejected;
      });
}

}  // namespace

std::string NakadiEvent(const v1::Event& event) {
  const google::protobuf::Timestamp& time =
      event.has_event_time() ? event.event_time() : event.append_time();
  const std::string json = EventToJson(event);
  return absl::StrCat("{\"metadata\":{\"eid\":\"", EventUuid(event.id()),
                      "\",\"occurred_at\":\"",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ",
                                       absl::FromUnixSeconds(time.seconds()) +
                                           absl::Nanoseconds(time.nanos()),
                                       absl::UTCTimeZone()),
                      "\"}", json == "{}" ? "" : ",",
                      absl::StripPrefix(json, "{"));
}

NakadiDelivery::NakadiDelivery(const NakadiDeliveryOptions& options)
    : batch_limit_(options.batch_limit),
      publisher_(options.client, options.event_type, clock_) {}

Delivery::Result NakadiDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  std::vector<std::string> bodies;
  bodies.reserve(events.size());
  for (const v1::Event* event : events) bodies.push_back(NakadiEvent(*event));
  Result result;
  result.outcomes.assign(events.size(), Outcome::kHeldUp);
  Publish(bodies, 0, bodies.size(), &result);
  for (size_t i = 0; i < bodies.size(); ++i) {
    if (result.outcomes[i] == Outcome::kDelivered) {
      result.bytes += bodies[i].size();
    }
  }
  return result;
}

void NakadiDelivery::Publish(const std::vector<std::string>& bodies,
                             size_t begin, size_t end, Result* result) {
  const auto at = [&](size_t i) {
    return bodies.begin() + static_cast<ptrdiff_t>(i);
  };
  std::vector<nakadi::PublishedItem> items;
  const absl::Status status = publisher_.Publish({at(begin), at(end)}, &items);
  if (!status.ok()) {
    result->error = status;
    result->retry_after = nakadi::GetError(status).retry_after;
  }
  if (!items.empty()) {
    for (size_t i = begin; i < end; ++i) {
      result->outcomes[i] = OutcomeOf(items[i - begin]);
    }
    return;
  }
  if (absl::IsInvalidArgument(status) && end - begin > 1) {
    const size_t middle = begin + (end - begin) / 2;
    Publish(bodies, begin, middle, result);
    if (IsSettled(result->outcomes, begin, middle)) {
      Publish(bodies, middle, end, result);
    }
    return;
  }
  const Outcome outcome = status.ok() ? Outcome::kDelivered
                          : absl::IsInvalidArgument(status) ? Outcome::kRejected
                                                            : Outcome::kFailed;
  std::fill(result->outcomes.begin() + static_cast<ptrdiff_t>(begin),
            result->outcomes.begin() + static_cast<ptrdiff_t>(end), outcome);
}

}  // namespace weir
