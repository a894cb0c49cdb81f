#ifndef WEIR_LIB_CLIENT_STREAM_CHECKER_H_
#define WEIR_LIB_CLIENT_STREAM_CHECKER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "weir/v1/event.pb.h"

namespace weir::client {

// Holds what a server sends against its contract, over all streams of one
// client: within a stream `hello` comes first and once, `batch_index` counts 1,
// 2, 3 ... and every message has a cursor; and an event is new if its seq is
// above all before it in the same epoch.
//
// Checks only; it keeps no events and speaks to nobody. Not thread-safe.
class StreamChecker {
 public:
  // Starts a new stream.
  void Begin();

  // Returns DataLoss, naming what was due and what came, if `response` breaks
  // the contract. Nothing of it may be used then: drop the stream and resume
  // from the cursor.
  absl::Status Check(const weir::v1::SubscribeResponse& response);

  // Whether `event`, of a response that passed, was not seen before; remembers
  // that it is seen now.
  bool IsNew(const weir::v1::Event& event);

  // Forgets which events were seen. For a log that started over, and for a
  // subscription that was moved back on purpose.
  void ForgetSeen() { last_seq_ = 0; }

 private:
  uint64_t next_batch_index_ = 1;
  std::string epoch_;
  uint64_t last_seq_ = 0;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_STREAM_CHECKER_H_
