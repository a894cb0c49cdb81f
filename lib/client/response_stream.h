#ifndef WEIR_LIB_CLIENT_RESPONSE_STREAM_H_
#define WEIR_LIB_CLIENT_RESPONSE_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <memory>

#include "absl/time/time.h"
#include "weir/v1/event.pb.h"
#include "weir/v1/subscription.pb.h"

namespace weir::client {

// One Subscribe or Consume call, read with a limit on each wait. gRPC's
// synchronous reader has none, and a half-open connection would hold it for
// ever; so this is the asynchronous one on a queue of its own.
//
// Destroying it ends the call. Cancel may be called from any thread, all else
// from one.
class ResponseStream {
 public:
  enum class Outcome {
    kMessage,  // response() is the next one
    kEnded,    // the server or the connection ended it: ask Finish
    kSilent,   // nothing came in time; the stream is of no more use
  };

  // Starts the call. Errors show themselves at Read and Finish.
  ResponseStream(std::shared_ptr<grpc::ChannelInterface> channel,
                 const weir::v1::SubscribeRequest& request);
  ResponseStream(std::shared_ptr<grpc::ChannelInterface> channel,
                 const weir::v1::ConsumeRequest& request);
  ~ResponseStream();

  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  // Waits for the next response, for at most `timeout`. Not again after kEnded
  // or kSilent.
  Outcome Read(absl::Duration timeout);

  // The response of the last Read; valid until the next.
  const weir::v1::SubscribeResponse& response() const { return response_; }

  // Returns how the call ended. Once, after kEnded.
  grpc::Status Finish();

  // Ends the call: a waiting Read returns kEnded.
  void Cancel() { context_.TryCancel(); }

  // The connection that the call is on, for calls that go with it.
  const std::shared_ptr<grpc::ChannelInterface>& channel() const {
    return channel_;
  }

 private:
  using Reader = grpc::ClientAsyncReaderInterface<weir::v1::SubscribeResponse>;

  // Waits for the operation under way; false if `deadline` passed first. `*ok`
  // is what gRPC says of the operation.
  bool Await(gpr_timespec deadline, bool* ok);

  // Declared in the order of their lives: the reader needs all before it.
  const std::shared_ptr<grpc::ChannelInterface> channel_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  weir::v1::SubscribeResponse response_;
  grpc::Status status_;
  std::unique_ptr<Reader> reader_;
  bool started_ = false;
  bool pending_ = true;  // an operation is under way; first of all the start
  bool finished_ = false;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_RESPONSE_STREAM_H_
