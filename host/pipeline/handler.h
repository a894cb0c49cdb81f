#ifndef WEIR_HOST_PIPELINE_HANDLER_H_
#define WEIR_HOST_PIPELINE_HANDLER_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/pipeline/message.h"

namespace weir {

// One instance of handler code, as dispatch drives it: a plugin in this
// process, a plugin in a child, or a test's own.
//
// Every call but the destructor comes from the one worker thread of its slot,
// in the order in which they stand here. A call may take as long as it likes;
// only its own queue waits for it.
class Handler {
 public:
  virtual ~Handler() = default;

  // Makes the instance. An error refuses the handler; no other call follows.
  virtual absl::Status Create() = 0;

  // How many messages may wait, asked once. 0 and less refuse the handler.
  virtual int64_t QueueCapacity() = 0;

  // Whether messages of `type` are to be handled. Asked once for each type. An
  // error counts as no.
  virtual bool WantsMessage(absl::string_view type) = 0;

  // Handles `messages` in order, each exactly once. `done` counts those that
  // are finished, stored with release after each, so that the books are exact
  // in the middle of a batch. `errors` counts those among them that the handler
  // refused or threw at; store it before `done`. Both are 0 at the call.
  virtual void HandleMessages(absl::Span<const Message* const> messages,
                              std::atomic<uint32_t>& done,
                              std::atomic<uint32_t>& errors) = 0;

  // Ends the instance. Called if Create succeeded.
  virtual void Destroy() = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_HANDLER_H_
