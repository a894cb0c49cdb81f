#ifndef WEIR_HOST_BROKER_FILTER_CLASSES_H_
#define WEIR_HOST_BROKER_FILTER_CLASSES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/control/event_filter.h"
#include "host/sync/mutex.h"

namespace weir {

// The filters that are in use, one FilterClass for all who ask for the same.
// A class lives as long as anybody holds it. Thread-safe.
class FilterClasses {
 public:
  explicit FilterClasses(int64_t regex_budget_bytes)
      : regex_budget_bytes_(regex_budget_bytes) {}

  // Returns the class of the union of `filters`; null, and the faults, as
  // FilterClass::Compile.
  std::shared_ptr<const FilterClass> Get(
      const std::vector<EventFilter>& filters, Faults* faults)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Classes in use now.
  size_t size() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const int64_t regex_budget_bytes_;

  mutable Mutex mu_;
  // By canonical form. What nobody holds any more is swept at the next Get.
  absl::flat_hash_map<std::string, std::weak_ptr<const FilterClass>> classes_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_FILTER_CLASSES_H_
