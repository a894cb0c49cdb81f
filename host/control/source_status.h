#ifndef WEIR_HOST_CONTROL_SOURCE_STATUS_H_
#define WEIR_HOST_CONTROL_SOURCE_STATUS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace weir {

// How a source is doing; weir.v1.Source in our own words, where each field is
// explained. Times of InfinitePast are unset. A value.
struct SourceStatus {
  enum class State {  // The numbers of weir.v1.Source.State.
    kConnecting = 1,
    kConnected = 2,
    kStale = 3,
    kPaused = 4,
    kBackingOff = 5,
    kFailed = 6,
    kFinished = 7,
    kStopped = 8,
  };
  struct Error {
    std::string message;
    std::string kind;  // "connect", "tls", "http_status", "read_timeout", ...
    int32_t status = 0;
    absl::Time time;
  };
  struct Outage {
    absl::Time begin_time;
    absl::Time end_time = absl::InfinitePast();  // Still on.
    std::string reason;
    bool data_lost = false;
    uint32_t attempts = 0;
  };

  std::string name;  // "sources/ris-live"
  std::string kind;  // "ris_live"
  std::string endpoint;
  State state = State::kConnecting;
  absl::Time state_time;
  absl::Time connected_since = absl::InfinitePast();
  absl::Time last_message_time = absl::InfinitePast();
  absl::Time next_retry_time = absl::InfinitePast();
  absl::Duration current_backoff;
  uint32_t consecutive_failures = 0;
  std::optional<Error> last_error;
  std::optional<Outage> outage;
  std::string upstream_position, committed_position;
  bool flow_control = false;
  bool blocked = false;
  std::vector<std::string> blocked_by;
  std::string decoder;
  uint32_t connections = 0;
  std::map<std::string, std::string> details;  // Of this kind of source alone.
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SOURCE_STATUS_H_
