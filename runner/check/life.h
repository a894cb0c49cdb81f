#ifndef WEIR_RUNNER_CHECK_LIFE_H_
#define WEIR_RUNNER_CHECK_LIFE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runner/check/check_host.h"
#include "runner/check/message_memory.h"
#include "runner/check/samples.h"
#include "runner/check/subject.h"
#include "weir/plugin_abi.h"

namespace weir {

// One instance of the plugin, from create to destroy, led as the host would:
// asked for its capacity and its types, and given only what it wants.
//
// Not thread-safe; all from one worker.
class Life {
 public:
  // Makes the instance, of the subject's configuration; see `status`. All must
  // outlive it.
  Life(Subject& subject, CheckHost& host, MessageMemory& memory);
  ~Life();  // Destroys it.

  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  // Of create. Nothing else may be called unless it is OK.
  const absl::Status& status() const { return status_; }
  void* self() const { return self_; }

  // Asks once per type, as the host does.
  bool Wants(uint16_t type);
  bool WantsAny();

  // Gives it the message if it wants it, and WEIR_OK if not.
  weir_status Handle(const Sample& sample);
  // Gives it all of them; the status of each.
  std::vector<weir_status> HandleAll(const std::vector<Sample>& samples);

  uint64_t next_seq() { return ++seq_; }
  uint64_t last_seq() const { return seq_; }
  // As of an instance that takes another one's place.
  void ContinueAfter(uint64_t seq) { seq_ = seq; }

 private:
  Subject& subject_;
  MessageMemory& memory_;
  void* self_ = nullptr;
  absl::Status status_;
  std::map<uint16_t, bool> wants_;
  uint64_t seq_ = 0;
};

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_LIFE_H_
