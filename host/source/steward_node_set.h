#ifndef WEIR_HOST_SOURCE_STEWARD_NODE_SET_H_
#define WEIR_HOST_SOURCE_STEWARD_NODE_SET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_nodes.h"
#include "host/source/steward_processes.h"
#include "host/sync/mutex.h"

namespace weir {

// The nodes that sources of the host are. Thread-safe.
class StewardNodeSet final : public StewardNodes {
 public:
  // `source` is its full name, "sources/central", and no other's.
  void Add(std::string source, std::shared_ptr<StewardProcesses> processes)
      ABSL_LOCKS_EXCLUDED(mu_);

  StewardNodeControl* Find(absl::string_view source) override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> sources() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  std::vector<std::pair<std::string, std::shared_ptr<StewardProcesses>>> nodes_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_NODE_SET_H_
