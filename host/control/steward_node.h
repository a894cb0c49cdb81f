#ifndef WEIR_HOST_CONTROL_STEWARD_NODE_H_
#define WEIR_HOST_CONTROL_STEWARD_NODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/steward/profile.h"

namespace weir {

// What a process takes, and how it answers.
struct StewardProcessSettings {
  std::string method;  // "REQCliCommand", or of a sub-process "subCopySrc.ID".
  std::vector<std::string> allowed_senders;  // Empty: all.
  bool require_signature = false;
  bool stop_on_error = false;     // It ends when a handler fails.
  bool acknowledge_done = false;  // Not when it came, but when it is done.
};

// A process as it is now.
struct StewardProcessStatus {
  enum class State : uint8_t {
    kStarting,  // To be subscribed, once the source is connected.
    kRunning,
    kStopped,  // Configured so, or stopped by somebody.
    kEnded,    // By itself, as `why` says: a handler failed and it stops on
               // errors, or the server does not permit its subject.
  };
  uint64_t id = 0;  // Unique in the source while the host runs; from 1.
  std::string method;
  std::string subject;  // "central.REQCliCommand.EventACK"
  // As the originals name it: SUBJECT_subscriber in S0 and S1, SUBJECT after.
  std::string name;
  State state = State::kStopped;
  std::string why;          // Of kEnded.
  bool configured = false;  // Else it was started at run time.
  absl::Time since;         // It is in `state`.
  uint64_t messages = 0;    // It took.
  StewardProcessSettings settings;
};

// A source that is a node of a steward or ctrl network, and its processes:
// those of its configuration, and what was started at run time, which is
// forgotten when the host ends. At most 1,000 of both.
//
// Thread-safe. Lives as long as the host.
class StewardNodeControl {
 public:
  virtual ~StewardNodeControl() = default;

  virtual const std::string& node() const = 0;
  virtual steward::Profile profile() const = 0;

  // All processes, by id.
  virtual std::vector<StewardProcessStatus> Processes() const = 0;
  // Changes each time that Processes would say another method or state.
  virtual uint64_t version() const = 0;

  // Starts a process of the configuration, with its settings, out of any state.
  // Does nothing to one that runs. Returns NotFound if there is none of that
  // method.
  virtual absl::StatusOr<StewardProcessStatus> StartConfigured(
      absl::string_view method) = 0;
  // Starts one at run time, or changes the settings of one that was.
  //
  // Returns AlreadyExists if it is of the configuration (use StartConfigured),
  // InvalidArgument for a method that makes no subject, with the cure, and
  // ResourceExhausted if there are too many.
  virtual absl::StatusOr<StewardProcessStatus> Start(
      const StewardProcessSettings& settings) = 0;
  // Ends its subscription; what came by it already is refused as
  // "process_ended". One that was started at run time is forgotten.
  //
  // Returns NotFound if there is none of that method.
  virtual absl::StatusOr<StewardProcessStatus> Stop(
      absl::string_view method) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STEWARD_NODE_H_
