#ifndef WEIR_HOST_CONTROL_STEWARD_NODES_H_
#define WEIR_HOST_CONTROL_STEWARD_NODES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"

namespace weir {

// All sources that are nodes of a steward or ctrl network. Thread-safe.
class StewardNodes {
 public:
  virtual ~StewardNodes() = default;

  // That of `source`, "sources/central"; null if there is no such source, or it
  // is no node. Lives as long as this.
  virtual StewardNodeControl* Find(absl::string_view source) = 0;
  // The names of the sources, in their order.
  virtual std::vector<std::string> sources() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STEWARD_NODES_H_
