#ifndef WEIR_HOST_RPC_RAW_REQUEST_H_
#define WEIR_HOST_RPC_RAW_REQUEST_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"

namespace weir {

// Reads the request of a raw method. Returns InvalidArgument for bytes that are
// no `Message`: the client speaks another protocol.
template <typename Message>
absl::StatusOr<Message> ParseRaw(const grpc::ByteBuffer& bytes) {
  Message message;
  grpc::ByteBuffer copy = bytes;  // Deserializing empties it.
  const grpc::Status status =
      grpc::SerializationTraits<Message>::Deserialize(&copy, &message);
  if (status.ok()) return message;
  return absl::InvalidArgumentError("the request does not parse");
}

}  // namespace weir

#endif  // WEIR_HOST_RPC_RAW_REQUEST_H_
