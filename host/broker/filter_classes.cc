#include "host/broker/filter_classes.h"

#include <utility>

namespace weir {

std::shared_ptr<const FilterClass> FilterClasses::Get(
    const std::vector<EventFilter>& filters, Faults* faults) {
  // Compiled before it is known whether it is needed: the canonical form is
  // only known then, and streams open rarely.
  std::shared_ptr<const FilterClass> mine =
      FilterClass::Compile(filters, regex_budget_bytes_, faults);
  if (mine == nullptr) return nullptr;
  MutexLock lock(&mu_);
  absl::erase_if(classes_,
                 [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const FilterClass>& known = classes_[mine->canonical()];
  if (auto theirs = known.lock()) return theirs;
  known = mine;
  return mine;
}

size_t FilterClasses::size() const {
  MutexLock lock(&mu_);
  size_t n = 0;
  for (const auto& entry : classes_) n += entry.second.expired() ? 0 : 1;
  return n;
}

}  // namespace weir
