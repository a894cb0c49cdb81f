#ifndef WEIR_RUNNER_CHECK_MESSAGE_MEMORY_H_
#define WEIR_RUNNER_CHECK_MESSAGE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "runner/check/board.h"
#include "runner/check/samples.h"
#include "weir/plugin_abi.h"

namespace weir {

// How a MessageMemory treats those who do not keep to the contract.
struct MessageMemoryOptions {
  bool read_only = true;  // A write into a message ends the process.
  bool retire = false;    // So does a look at one that Retire was told of.
  // Bytes that weir_msg has more than we know, as one of a later ABI would.
  uint32_t extra_bytes = 0;
};

// Lays messages out where a plugin that writes into them, reads behind their
// end or keeps them longer than the call is caught: each on pages of its own,
// its data up to the last byte of them, and a page behind that may not be
// touched. What pads the data is no zero, so that a text that nothing ends is
// read on until there.
//
// Not thread-safe. The board is told where things lie.
class MessageMemory {
 public:
  MessageMemory(MessageMemoryOptions options, CheckBoard& board);
  ~MessageMemory();

  MessageMemory(const MessageMemory&) = delete;
  MessageMemory& operator=(const MessageMemory&) = delete;

  // Valid until Retire, or Reset. Null if there is no room, 96 MiB, left.
  const weir_msg* Place(const Sample& sample, uint64_t seq);

  // Says that the call which `message` was made for has returned.
  void Retire(const weir_msg* message);

  // Takes all messages back.
  void Reset();

 private:
  const MessageMemoryOptions options_;
  CheckBoard& board_;
  uint8_t* const begin_;
  size_t used_ = 0;
};

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_MESSAGE_MEMORY_H_
