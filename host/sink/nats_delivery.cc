#include "host/sink/nats_delivery.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

// How long the server may take to read what was published.
constexpr absl::Duration kFlushTimeout = absl::Seconds(5);

}  // namespace

NatsDelivery::NatsDelivery(NatsDeliveryOptions options)
    : options_(std::move(options)), link_(options_.server, this) {}

NatsDelivery::~NatsDelivery() { link_.Disconnect(); }

Delivery::Result NatsDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  Result result;
  result.outcomes.assign(events.size(), Outcome::kFailed);
  result.error = KeepConnected();
  if (!result.error.ok()) return result;
  std::vector<NatsItem> items;
  std::vector<size_t> places;  // Of the items, in `events`.
  for (size_t i = 0; i < events.size(); ++i) {
    absl::StatusOr<NatsItem> item =
        MakeNatsItem(*events[i], options_.subject, link_.max_payload());
    if (item.ok()) {
      items.push_back(*std::move(item));
      places.push_back(i);
    } else {
      result.outcomes[i] = Outcome::kRejected;
      result.error = item.status();
    }
  }
  const auto settle = [&](size_t begin, size_t end) {
    const absl::Status status = Publish(items, begin, end);
    for (size_t i = begin; i < end && status.ok(); ++i) {
      result.outcomes[places[i]] = Outcome::kDelivered;
      result.bytes += items[i].json.size();
    }
    if (!status.ok()) result.error = status;
    return status;
  };
  if (items.empty()) return result;
  if (!absl::IsPermissionDenied(settle(0, items.size()))) return result;
  // One of them is not permitted, and the server says which too vaguely to
  // sort out the others.
  for (size_t i = 0; i < items.size() && items.size() > 1; ++i) {
    if (!KeepConnected().ok() || absl::IsUnavailable(settle(i, i + 1))) break;
  }
  return result;
}

absl::Status NatsDelivery::KeepConnected() {
  {
    MutexLock lock(&mu_);
    if (!end_.ok()) connected_ = false;
    end_ = absl::OkStatus();
  }
  if (interrupted_.load()) return absl::UnavailableError("interrupted");
  if (connected_) return absl::OkStatus();
  absl::Status status = link_.Connect({});
  connected_ = status.ok();
  return status;
}

absl::Status NatsDelivery::Publish(const std::vector<NatsItem>& items,
                                   size_t begin, size_t end) {
  absl::Status status;
  for (size_t i = begin; i < end && status.ok(); ++i) {
    if (interrupted_.load()) return absl::UnavailableError("interrupted");
    status = link_.Publish(items[i].subject, "", {{kNatsIdHeader, items[i].id}},
                           items[i].json);
  }
  if (status.ok()) status = link_.Flush(kFlushTimeout);
  if (status.ok()) status = link_.LastForbidden();
  if (status.ok()) return status;
  // What it says of the next must not be taken for what it said of these.
  link_.Disconnect();
  connected_ = false;
  return status;
}

void NatsDelivery::OnEnd(const absl::Status& why) {
  MutexLock lock(&mu_);
  end_ = why;
}

}  // namespace weir
