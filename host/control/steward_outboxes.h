#ifndef WEIR_HOST_CONTROL_STEWARD_OUTBOXES_H_
#define WEIR_HOST_CONTROL_STEWARD_OUTBOXES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/control/steward_outbox.h"

namespace weir {

// The outboxes of all sources that are steward nodes and send. Thread-safe.
class StewardOutboxes {
 public:
  virtual ~StewardOutboxes() = default;

  // That of `source`, "sources/steward"; null if there is no such source, or it
  // does not send. Lives as long as this.
  virtual StewardOutbox* Find(absl::string_view source) = 0;
  // The names of the sources, in their order.
  virtual std::vector<std::string> sources() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STEWARD_OUTBOXES_H_
