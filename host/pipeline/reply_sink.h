#ifndef WEIR_HOST_PIPELINE_REPLY_SINK_H_
#define WEIR_HOST_PIPELINE_REPLY_SINK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/message.h"

namespace weir {

// The seam between handlers, which answer messages, and what sends: the one
// thing beside receipts and pressure that goes back along the data path. It is
// found by the source that the message came by.
//
// Implementations are thread-safe and never block for the disk or the network.
class ReplySink {
 public:
  // Told once whether an answer is on the disk; from any thread, where it must
  // not block and must not call back into the sink.
  using Kept = std::function<void(const absl::Status&)>;

  virtual ~ReplySink() = default;

  // Answers `request`, which the caller holds for the call alone, with `data`.
  // `file_suffix` goes behind the name of the file that the request names.
  //
  // OK: it is taken, behind all that was taken before for the same receiver and
  // method, and `kept` is called, maybe before this returns. Else `kept` is
  // not called:
  //   Unimplemented       nothing is sent to where the request came from
  //   NotFound            its sender wants no answer
  //   InvalidArgument     what it asks for makes no message
  //   ResourceExhausted   too much waits, or it is too long for the receiver
  //   any other           it cannot be kept; the message says why
  virtual absl::Status Reply(const Message& request, std::string data,
                             absl::string_view file_suffix, Kept kept) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_REPLY_SINK_H_
