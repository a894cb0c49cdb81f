#ifndef WEIR_HOST_RPC_STREAM_REACTOR_H_
#define WEIR_HOST_RPC_STREAM_REACTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "host/control/event_stream.h"
#include "host/rpc/stream_pump.h"
#include "host/sync/mutex.h"

namespace weir {

// Writes one EventStream to one gRPC call, as StreamPump says.
//
// The stream is detached as soon as the call is cancelled, not when gRPC is
// done with it: a stuck socket can hold the latter up for as long as it likes.
//
// Deletes itself when gRPC is done with it. Thread-safe, as gRPC needs it.
class StreamReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                            private StreamSink {
 public:
  // Opens the stream, given what to call when it is worth looking again.
  using Open = std::function<absl::StatusOr<std::unique_ptr<EventStream>>(
      std::function<void()> ready)>;

  // Starts a call. An error of `open` ends it. `context` is the call's.
  static StreamReactor* Start(grpc::CallbackServerContext* context,
                              const Open& open, std::string server_version);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  StreamReactor(grpc::CallbackServerContext* context,
                std::string server_version)
      : context_(context),
        server_version_(std::move(server_version)),
        pump_(*this) {}
  ~StreamReactor() override = default;

  void Write(const StreamItem& item) override ABSL_LOCKS_EXCLUDED(mu_);
  void Finish(const absl::Status& status) override;
  void BreakOff(const absl::Status& end) override;

  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  const std::string server_version_;
  StreamPump pump_;
  grpc::ByteBuffer buffer_;  // gRPC's, while it is written.
  // Its length, for OnWriteDone, which comes in any thread.
  Mutex mu_;
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_STREAM_REACTOR_H_
