#include "host/rpc/stream_reactor.h"

#include <utility>

#include "absl/status/status.h"
#include "grpc/grpc.h"
#include "host/rpc/stream_convert.h"
#include "host/rpc/to_grpc.h"

namespace weir {

StreamReactor* StreamReactor::Start(grpc::CallbackServerContext* context,
                                    const Open& open,
                                    std::string server_version) {
  auto* const reactor = new StreamReactor(context, std::move(server_version));
  auto stream = open([reactor] { reactor->OnReady(); });
  if (!stream.ok()) {
    reactor->FinishOnce(stream.status());
    return reactor;
  }
  {
    MutexLock lock(&reactor->mu_);
    reactor->stream_ = *std::move(stream);
  }
  reactor->Pump();
  return reactor;
}

void StreamReactor::OnReady() {
  absl::Status end;
  {
    MutexLock lock(&mu_);
    if (writing_ && !finished_ && stream_ != nullptr) {
      end = stream_->forced_end();
    }
  }
  if (end.ok()) {
    Pump();
    return;
  }
  // Finish would wait behind the write. This overtakes it, and if the client
  // does read again, says why and with a code that tells it to come back; as
  // TryCancel would not. The details of an error do not fit in here.
  grpc_call_cancel_with_status(context_->c_call(),
                               static_cast<grpc_status_code>(end.code()),
                               std::string(end.message()).c_str(), nullptr);
}

void StreamReactor::Pump() {
  StreamItem item;
  {
    MutexLock lock(&mu_);
    if (writing_ || finished_ || stream_ == nullptr) return;
    if (!stream_->Next(&item)) return;
    if (item.kind != StreamItem::Kind::kEnd) {
      buffer_ = ToResponse(item, server_version_);
      writing_ = true;
    }
  }
  // Outside of the lock: gRPC writes to the socket from here.
  if (item.kind == StreamItem::Kind::kEnd) {
    FinishOnce(item.end);
  } else {
    StartWrite(&buffer_);
  }
}

void StreamReactor::OnWriteDone(bool ok) {
  if (!ok) {
    FinishOnce(absl::CancelledError("the client is gone"));
    return;
  }
  {
    // Cleared before the log is looked at again, so that no event that arrives
    // in between is left lying.
    MutexLock lock(&mu_);
    writing_ = false;
    if (stream_ != nullptr) stream_->OnWritten(buffer_.Length());
  }
  Pump();
}

void StreamReactor::FinishOnce(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
  }
  Finish(ToGrpc(status));
}

std::unique_ptr<EventStream> StreamReactor::TakeStream() {
  MutexLock lock(&mu_);
  return std::move(stream_);
}

void StreamReactor::OnCancel() {
  // Dies here, outside of the lock: that waits for a `ready` that is running.
  TakeStream().reset();
  FinishOnce(absl::CancelledError("cancelled by the client"));
}

void StreamReactor::OnDone() {
  TakeStream().reset();
  delete this;
}

}  // namespace weir
