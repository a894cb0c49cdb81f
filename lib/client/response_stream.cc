#include "lib/client/response_stream.h"

#include <grpc/support/time.h>

#include <utility>

#include "weir/v1/event.grpc.pb.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir::client {
namespace {

gpr_timespec Never() { return gpr_inf_future(GPR_CLOCK_MONOTONIC); }

gpr_timespec After(absl::Duration timeout) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN));
}

}  // namespace

ResponseStream::ResponseStream(std::shared_ptr<grpc::ChannelInterface> channel,
                               const weir::v1::SubscribeRequest& request)
    : channel_(std::move(channel)),
      reader_(weir::v1::EventService::NewStub(channel_)->PrepareAsyncSubscribe(
          &context_, request, &queue_)) {
  reader_->StartCall(this);
}

ResponseStream::ResponseStream(std::shared_ptr<grpc::ChannelInterface> channel,
                               const weir::v1::ConsumeRequest& request)
    : channel_(std::move(channel)),
      reader_(
          weir::v1::SubscriptionService::NewStub(channel_)->PrepareAsyncConsume(
              &context_, request, &queue_)) {
  reader_->StartCall(this);
}

ResponseStream::~ResponseStream() {
  if (!finished_) {
    context_.TryCancel();
    bool ok = false;
    if (pending_) Await(Never(), &ok);
    Finish();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

ResponseStream::Outcome ResponseStream::Read(absl::Duration timeout) {
  const gpr_timespec deadline = After(timeout);
  bool ok = false;
  if (!started_) {
    if (!Await(deadline, &ok)) return Outcome::kSilent;
    if (!ok) return Outcome::kEnded;
    started_ = true;
  }
  pending_ = true;
  reader_->Read(&response_, this);
  if (!Await(deadline, &ok)) return Outcome::kSilent;
  return ok ? Outcome::kMessage : Outcome::kEnded;
}

grpc::Status ResponseStream::Finish() {
  bool ok = false;
  pending_ = true;
  reader_->Finish(&status_, this);
  Await(Never(), &ok);
  finished_ = true;
  return status_;
}

bool ResponseStream::Await(gpr_timespec deadline, bool* ok) {
  void* tag = nullptr;
  if (queue_.AsyncNext(&tag, ok, deadline) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return false;
  }
  pending_ = false;
  return true;
}

}  // namespace weir::client
