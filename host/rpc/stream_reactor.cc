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
  auto stream = open([reactor] { reactor->pump_.OnReady(); });
  if (stream.ok()) {
    reactor->pump_.Attach(*std::move(stream));
  } else {
    reactor->pump_.Finish(stream.status());
  }
  return reactor;
}

void StreamReactor::Write(const StreamItem& item) {
  {
    MutexLock lock(&mu_);
    buffer_ = ToResponse(item, server_version_);
    bytes_ = buffer_.Length();
  }
  StartWrite(&buffer_);
}

void StreamReactor::Finish(const absl::Status& status) {
  grpc::ServerWriteReactor<grpc::ByteBuffer>::Finish(ToGrpc(status));
}

void StreamReactor::BreakOff(const absl::Status& end) {
  // Finish would wait behind the write. This overtakes it, and if the client
  // does read again, says why and with a code that tells it to come back; as
  // TryCancel would not. The details of an error do not fit in here.
  grpc_call_cancel_with_status(context_->c_call(),
                               static_cast<grpc_status_code>(end.code()),
                               std::string(end.message()).c_str(), nullptr);
}

void StreamReactor::OnWriteDone(bool ok) {
  if (!ok) {
    pump_.Finish(absl::CancelledError("the client is gone"));
    return;
  }
  uint64_t bytes = 0;
  {
    MutexLock lock(&mu_);
    bytes = bytes_;
  }
  pump_.OnWritten(bytes);
}

void StreamReactor::OnCancel() {
  pump_.Detach();
  pump_.Finish(absl::CancelledError("cancelled by the client"));
}

void StreamReactor::OnDone() {
  pump_.Detach();
  delete this;
}

}  // namespace weir
