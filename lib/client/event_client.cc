#include "lib/client/event_client.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir::client {
namespace {

using weir::v1::ConsumeRequest;
using weir::v1::SubscribeRequest;
using weir::v1::SubscribeResponse;

// Half an interval of grace over two heartbeats.
constexpr double kSilentIntervals = 2.5;

// The server's default, for a Hello that does not say.
constexpr absl::Duration kDefaultHeartbeat = absl::Seconds(15);

// An acknowledgement moves one number; a host that takes longer is gone.
constexpr std::chrono::seconds kAcknowledgeTimeout(5);

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

// The codes are the same in both, by design (google/rpc/code.proto).
CallStatus FromAbsl(const absl::Status& status) {
  CallStatus converted;
  converted.code = static_cast<grpc::StatusCode>(status.code());
  converted.message = std::string(status.message());
  return converted;
}

CallStatus Unavailable(const std::string& message) {
  return FromAbsl(absl::UnavailableError(message));
}

}  // namespace

EventClient::EventClient(EventClientOptions options, Connect connect,
                         EventObserver& observer, const Clock& clock,
                         Sleeper& sleeper, absl::BitGenRef random,
                         CursorFile* cursor_file)
    : options_(std::move(options)),
      connect_(std::move(connect)),
      observer_(observer),
      clock_(clock),
      sleeper_(sleeper),
      cursor_file_(cursor_file),
      backoff_(options_.backoff, random) {}

CallStatus EventClient::Run() {
  if (CallStatus status = Prepare(); !status.ok()) return status;
  while (!stopped()) {
    const absl::Time begun = clock_.Now();
    const End end = FollowOneStream();
    if (stopped()) break;
    if (!end.retry) return end.status;
    if (clock_.Now() - begun > kGoodConnection) backoff_.Reset();
    const absl::Duration delay = backoff_.Next(std::max(
        asked_wait_, end.status.retry_delay.value_or(absl::ZeroDuration())));
    ++reconnects_;
    observer_.OnReconnect(end.status, delay);
    if (!sleeper_.SleepFor(delay)) break;
  }
  return {};
}

void EventClient::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  if (stream_ != nullptr) stream_->Cancel();
  sleeper_.Wake();
}

bool EventClient::stopped() const {
  MutexLock lock(&mu_);
  return stopped_;
}

CallStatus EventClient::Prepare() {
  if (cursor_file_ == nullptr) return {};
  const absl::StatusOr<std::optional<std::string>> kept = cursor_file_->Load();
  if (!kept.ok()) return FromAbsl(kept.status());
  if (kept->has_value()) kept_cursor_ = cursor_ = **kept;
  return {};
}

std::unique_ptr<ResponseStream> EventClient::Open() {
  if (const auto* consume = std::get_if<ConsumeRequest>(&options_.request)) {
    return std::make_unique<ResponseStream>(connect_(), *consume);
  }
  SubscribeRequest& request = std::get<SubscribeRequest>(options_.request);
  if (!cursor_.empty()) request.mutable_start()->set_after_id(cursor_);
  return std::make_unique<ResponseStream>(connect_(), request);
}

EventClient::End EventClient::FollowOneStream() {
  checker_.Begin();
  silence_limit_ = options_.hello_timeout;
  asked_wait_ = absl::ZeroDuration();
  const std::unique_ptr<ResponseStream> stream = Open();
  {
    MutexLock lock(&mu_);
    if (stopped_) return {};
    stream_ = stream.get();
  }
  End end = Follow(*stream);
  {
    MutexLock lock(&mu_);
    stream_ = nullptr;
  }
  return end;
}

EventClient::End EventClient::Follow(ResponseStream& stream) {
  while (true) {
    switch (stream.Read(silence_limit_)) {
      case ResponseStream::Outcome::kMessage:
        break;
      case ResponseStream::Outcome::kEnded:
        return Judge(DecodeStatus(stream.Finish()));
      case ResponseStream::Outcome::kSilent:
        return Judge(Unavailable(absl::StrCat(
            "nothing came for ", absl::FormatDuration(silence_limit_))));
    }
    const SubscribeResponse& response = stream.response();
    if (absl::Status status = checker_.Check(response); !status.ok()) {
      ++violations_;
      return {FromAbsl(status), /*retry=*/true};
    }
    if (CallStatus status = Deliver(response, stream); !status.ok()) {
      return Judge(std::move(status));
    }
    if (stopped()) return {};
  }
}

CallStatus EventClient::Deliver(const SubscribeResponse& response,
                                ResponseStream& stream) {
  if (response.has_hello()) DeliverHello(response);
  if (response.has_gap()) observer_.OnGap(response.gap());
  DeliverEvents(response);
  if (response.has_notice()) {
    asked_wait_ = FromProto(response.notice().retry_after());
    observer_.OnNotice(response.notice());
  }
  // Only what was wholly handed over moves the cursor to the message's end.
  if (!stopped() && !response.has_hello()) cursor_ = response.cursor();
  if (response.has_caught_up()) observer_.OnCaughtUp(response.caught_up());
  if (response.has_heartbeat()) observer_.OnHeartbeat(response.heartbeat());
  if (!stopped() && !response.has_hello()) observer_.OnCursor(cursor_);
  return Keep(stream);
}

void EventClient::DeliverHello(const SubscribeResponse& response) {
  const SubscribeResponse::Hello& hello = response.hello();
  const absl::Duration interval = hello.has_heartbeat_interval()
                                      ? FromProto(hello.heartbeat_interval())
                                      : kDefaultHeartbeat;
  silence_limit_ = kSilentIntervals * interval;
  had_hello_ = true;
  lost_to_other_ = false;
  lease_id_ = hello.lease_id();
  if (std::holds_alternative<ConsumeRequest>(options_.request)) {
    // The server starts after what was acknowledged, and refuses to be told of
    // more than it has sent on this lease.
    kept_cursor_ = cursor_ = response.cursor();
  } else if (cursor_.empty()) {
    // A resuming client knows better: its cursor is what it handed over.
    cursor_ = response.cursor();
  }
  observer_.OnHello(hello);
}

void EventClient::DeliverEvents(const SubscribeResponse& response) {
  for (const weir::v1::Event& event : response.events()) {
    if (stopped()) return;
    if (!checker_.IsNew(event)) {
      ++duplicates_;
      continue;
    }
    observer_.OnEvent(event);
    ++events_;
    cursor_ = event.id();
  }
}

CallStatus EventClient::Keep(ResponseStream& stream) {
  if (cursor_ == kept_cursor_) return {};
  if (cursor_file_ != nullptr) {
    if (absl::Status status = cursor_file_->Save(cursor_); !status.ok()) {
      // Never UNAVAILABLE, which would mean the server.
      CallStatus final_status = FromAbsl(status);
      final_status.code = grpc::StatusCode::FAILED_PRECONDITION;
      return final_status;
    }
  } else if (CallStatus status = Acknowledge(stream); !status.ok()) {
    return status;
  }
  kept_cursor_ = cursor_;
  return {};
}

CallStatus EventClient::Acknowledge(ResponseStream& stream) {
  const auto* consume = std::get_if<ConsumeRequest>(&options_.request);
  if (consume == nullptr || consume->auto_ack()) return {};
  weir::v1::AcknowledgeRequest request;
  request.set_name(consume->name());
  request.set_cursor(cursor_);
  request.set_lease_id(lease_id_);
  weir::v1::AcknowledgeResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAcknowledgeTimeout);
  return DecodeStatus(weir::v1::SubscriptionService::NewStub(stream.channel())
                          ->Acknowledge(&context, request, &response));
}

EventClient::End EventClient::Judge(CallStatus status) {
  if (status.ok()) {
    const auto* subscribe = std::get_if<SubscribeRequest>(&options_.request);
    if (subscribe != nullptr && subscribe->stop_at_latest()) return {};
    return {Unavailable("the server ended the stream"), /*retry=*/true};
  }
  if (options_.first_connect_must_work && !had_hello_ &&
      !status.retry_delay.has_value()) {
    return {std::move(status), /*retry=*/false};
  }
  if (std::holds_alternative<ConsumeRequest>(options_.request)) {
    if (status.reason == "LEASE_LOST") {
      // Somebody moved the subscription, on purpose, or took it over. Attach
      // anew: that tells which.
      lost_to_other_ = true;
      // Two clients that both insist would take it from each other for ever.
      std::get<ConsumeRequest>(options_.request).set_takeover(false);
      cursor_.clear();
      kept_cursor_.clear();
      checker_.ForgetSeen();
      return {std::move(status), /*retry=*/true};
    }
    // After a broken connection it is this client's own dead stream that holds
    // the subscription, until the server notices.
    if (status.reason == "SUBSCRIPTION_BUSY" && had_hello_ && !lost_to_other_) {
      return {std::move(status), /*retry=*/true};
    }
  }
  const bool retry = IsWorthRetrying(status);
  return {std::move(status), retry};
}

}  // namespace weir::client
