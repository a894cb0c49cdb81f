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
#include "host/sync/mutex.h"

namespace weir {

// Writes one EventStream to one gRPC call: never more than one message at a
// time, so a client that does not read costs one message, and its cursor waits.
//
// The stream is detached as soon as the call is cancelled, not when gRPC is
// done with it: a stuck socket can hold the latter up for as long as it likes.
//
// Deletes itself when gRPC is done with it. Thread-safe, as gRPC needs it.
class StreamReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // Opens the stream, given what to call when it is worth looking again.
  using Open = std::function<absl::StatusOr<std::unique_ptr<EventStream>>(
      std::function<void()> ready)>;

  // Starts a call. An error of `open` ends it. `context` is the call's.
  static StreamReactor* Start(grpc::CallbackServerContext* context,
                              const Open& open, std::string server_version);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override;

 private:
  StreamReactor(grpc::CallbackServerContext* context,
                std::string server_version)
      : context_(context), server_version_(std::move(server_version)) {}
  ~StreamReactor() override = default;

  // What the stream calls. While a write is pending, it only has to say that
  // the call must end: the client does not read, or somebody took its place.
  void OnReady() ABSL_LOCKS_EXCLUDED(mu_);
  // Writes what comes next, if nothing is being written.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the call, the first time.
  void FinishOnce(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<EventStream> TakeStream() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  const std::string server_version_;

  Mutex mu_;
  std::unique_ptr<EventStream> stream_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ByteBuffer buffer_;  // gRPC's, while writing_.
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_STREAM_REACTOR_H_
