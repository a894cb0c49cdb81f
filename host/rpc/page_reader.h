#ifndef WEIR_HOST_RPC_PAGE_READER_H_
#define WEIR_HOST_RPC_PAGE_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/sync/mutex.h"
#include "weir/v1/event.pb.h"

namespace weir {

// Answers one ReadEvents call: a stream that stops at the newest event, read
// until the page is full. So history is read by the same loop as everything
// else, its events are the log's own bytes, and no thread waits for a part of
// the log that is not in memory.
//
// A page ends early, with a token, when it has kPageBytes, when it comes to a
// gap that is not its first item, and about a second after it began: a filter
// that leaves nearly all out gets short pages, even empty ones, instead of one
// call that reads the whole log.
//
// Deletes itself when gRPC is done with it. Thread-safe, as gRPC needs it.
class PageReader final : public grpc::ServerUnaryReactor {
 public:
  static constexpr size_t kStandardEvents = 100;
  static constexpr size_t kMostEvents = 1000;
  // With one more batch a page is still far below the 4 MiB that clients take.
  static constexpr size_t kPageBytes = 1 << 20;

  // Opens the stream, given what to call when it is worth looking again.
  using Open = std::function<absl::StatusOr<std::unique_ptr<EventStream>>(
      StreamOptions options, std::function<void()> ready)>;

  // Begins to answer `request` into `response`, which gRPC keeps until the call
  // has ended. What fails, fails the call: INVALID_FIELD for the size or the
  // token of the page, and all that `open` returns.
  static PageReader* Start(const v1::ReadEventsRequest& request,
                           StreamOptions options, const Open& open,
                           grpc::ByteBuffer* response);

  // gRPC's.
  void OnCancel() override;
  void OnDone() override;

 private:
  PageReader(const v1::ReadEventsRequest& request, grpc::ByteBuffer* response)
      : filters_(request.filters()), response_(response) {}
  ~PageReader() override = default;

  absl::Status Begin(const v1::ReadEventsRequest& request,
                     StreamOptions options, const Open& open)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Reads on as far as the log goes now, and answers when the page is done.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);
  // Returns whether the page is done.
  bool TakeLocked(StreamItem item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const google::protobuf::RepeatedPtrField<v1::EventFilter> filters_;
  grpc::ByteBuffer* const response_;

  Mutex mu_;
  // Null before it is open, and once somebody ends the call.
  std::unique_ptr<EventStream> stream_ ABSL_GUARDED_BY(mu_);
  std::vector<SharedBytes> pieces_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  v1::ReadEventsResponse rest_ ABSL_GUARDED_BY(mu_);  // All but the events.
  bool at_newest_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PAGE_READER_H_
