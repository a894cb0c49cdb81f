#include "host/rpc/publisher.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/rpc/access.h"
#include "host/rpc/event_from_proto.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::string_view kMethod = "Publish";

absl::Status Invalid(const std::string& field, const std::string& fault,
                     size_t limit) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, absl::StrCat(field, ": ", fault),
      {.reason = "INVALID_FIELD",
       .metadata = {{"field", field}, {"limit", absl::StrCat(limit)}},
       .field_violations = {{field, fault}}});
}

absl::Status CheckBounds(const v1::PublishRequest& request) {
  if (request.request_id().size() > Publisher::kMaxRequestIdBytes) {
    return Invalid(
        "request_id",
        absl::StrCat(request.request_id().size(), " bytes; write a UUID"),
        Publisher::kMaxRequestIdBytes);
  }
  const int n = request.events_size();
  if (n >= 1 && n <= Publisher::kMaxEvents) return absl::OkStatus();
  return Invalid(
      "events",
      absl::StrCat(n, " events; a request has 1 to ", Publisher::kMaxEvents),
      Publisher::kMaxEvents);
}

// "operator:local" publishes as "publishers/local".
std::string SourceOf(absl::string_view peer) {
  const std::string actor = Access::ActorOf(peer);
  return absl::StrCat("publishers/", absl::StripPrefix(actor, "operator:"));
}

absl::StatusOr<std::string> AnswerOf(
    const absl::StatusOr<std::vector<std::string>>& ids) {
  if (!ids.ok()) return ids.status();
  v1::PublishResponse response;
  response.mutable_ids()->Add(ids->begin(), ids->end());
  return response.SerializeAsString();
}

// Whether `answer` is to events that are in the log: an error says so, too, if
// they are in memory only.
bool WasAppended(const absl::StatusOr<std::string>& answer) {
  if (answer.ok()) return true;
  const std::optional<ErrorInfo> info = GetErrorInfo(answer.status());
  return info.has_value() && info->metadata.contains("first_id");
}

}  // namespace

Publisher::Publisher(EventPublisher& log, const Clock& clock,
                     uint32_t per_second)
    : log_(log),
      clock_(clock),
      per_second_(per_second),
      answers_(clock),
      bucket_(per_second, std::max<uint32_t>(per_second, kMaxEvents),
              clock.MonotonicNs()) {}

void Publisher::Publish(const v1::PublishRequest& request,
                        absl::string_view peer, Done done) {
  if (absl::Status status = CheckBounds(request); !status.ok()) {
    done(status);
    return;
  }
  const std::string& request_id = request.request_id();
  if (!answers_.Begin(kMethod, request_id, done)) return;
  Append(request, peer,
         [this, request_id,
          done = std::move(done)](const absl::StatusOr<std::string>& answer) {
           answers_.Settle(kMethod, request_id, answer, WasAppended(answer));
           done(answer);
         });
}

void Publisher::Append(const v1::PublishRequest& request,
                       absl::string_view peer, const Done& done) {
  const std::string source = SourceOf(peer);
  std::vector<Event> events;
  events.reserve(static_cast<size_t>(request.events_size()));
  for (const v1::Event& proto : request.events()) {
    absl::StatusOr<Event> event = EventFromProto(proto, events.size(), source);
    if (!event.ok()) {
      done(event.status());
      return;
    }
    events.push_back(*std::move(event));
  }
  if (absl::Status status = TakeFromBucket(request.events_size());
      !status.ok()) {
    done(status);
    return;
  }
  const bool accepted =
      request.durability() == v1::PublishRequest::DURABILITY_ACCEPTED;
  log_.Append(std::move(events),
              accepted ? Durability::kAccepted : Durability::kJournaled,
              [done](const absl::StatusOr<std::vector<std::string>>& ids) {
                done(AnswerOf(ids));
              });
}

absl::Status Publisher::TakeFromBucket(int n) {
  const int64_t now_ns = clock_.MonotonicNs();
  const auto events = static_cast<uint32_t>(n);
  MutexLock lock(&mu_);
  if (bucket_.TryTake(now_ns, events)) return absl::OkStatus();
  const std::string limit = absl::StrCat(per_second_);
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("more than ", limit,
                   " events a second were published, the limit of this server "
                   "(limits.publish_limit_per_second)"),
      {.reason = "RATE_LIMITED",
       .metadata = {{"limit", limit}, {"scope", "server"}},
       .retry_delay = absl::Nanoseconds(bucket_.WaitNs(now_ns, events))});
}

}  // namespace weir
