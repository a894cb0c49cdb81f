#include "host/sink/nats_delivery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sink/event_json.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

constexpr char kIdHeader[] = "Nats-Msg-Id";

// How long the server may take to read what was published.
constexpr absl::Duration kFlushTimeout = absl::Seconds(5);

// "NATS/1.0", the header and two ends of lines, beside the ID.
constexpr size_t kHeaderBytes = sizeof(kIdHeader) + 20;

// What a server allows for a line of its protocol is 4 KiB.
constexpr size_t kMaxSubjectBytes = 1024;

}  // namespace

bool IsNatsSubject(const std::string& subject) {
  if (subject.size() > kMaxSubjectBytes) return false;
  for (const absl::string_view word : absl::StrSplit(subject, '.')) {
    if (word.empty() || word == "*" || word == ">") return false;
  }
  return std::none_of(subject.begin(), subject.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_isspace(byte) || absl::ascii_iscntrl(byte);
  });
}

NatsDelivery::NatsDelivery(NatsDeliveryOptions options)
    : options_(std::move(options)), link_(options_.server, this) {}

NatsDelivery::~NatsDelivery() { link_.Disconnect(); }

std::string NatsDelivery::SubjectOf(const v1::Event& event) const {
  return absl::StrReplaceAll(options_.subject,
                             {{"{type}", event.type()},
                              {"{source}", event.source()},
                              {"{node_id}", options_.node_id}});
}

Delivery::Result NatsDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  Result result;
  result.outcomes.assign(events.size(), Outcome::kFailed);
  result.error = KeepConnected();
  if (!result.error.ok()) return result;
  std::vector<Item> items;
  std::vector<size_t> places;  // Of the items, in `events`.
  for (size_t i = 0; i < events.size(); ++i) {
    Item item{events[i]->id(), SubjectOf(*events[i]), EventToJson(*events[i])};
    const size_t size = item.json.size() + item.id.size() + kHeaderBytes;
    if (!IsNatsSubject(item.subject)) {
      result.outcomes[i] = Outcome::kRejected;
      result.error = absl::InvalidArgumentError(
          absl::StrCat("\"", item.subject, "\" is no subject to publish to"));
    } else if (size > link_.max_payload()) {
      result.outcomes[i] = Outcome::kRejected;
      result.error = absl::InvalidArgumentError(
          absl::StrCat("the event has ", size, " bytes, and the server takes ",
                       link_.max_payload()));
    } else {
      items.push_back(std::move(item));
      places.push_back(i);
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

absl::Status NatsDelivery::Publish(const std::vector<Item>& items, size_t begin,
                                   size_t end) {
  absl::Status status;
  for (size_t i = begin; i < end && status.ok(); ++i) {
    if (interrupted_.load()) return absl::UnavailableError("interrupted");
    status = link_.Publish(items[i].subject, "", {{kIdHeader, items[i].id}},
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
