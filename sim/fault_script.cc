#include "sim/fault_script.h"

#include <algorithm>
#include <limits>

namespace weir::sim {

FaultScript::FaultScript(const std::vector<ScriptedFault>& faults)
    : waiting_(faults) {
  std::stable_sort(waiting_.begin(), waiting_.end(),
                   [](const ScriptedFault& a, const ScriptedFault& b) {
                     return a.after < b.after;
                   });
}

std::optional<Fault> FaultScript::TakeForRequest(uint64_t position) {
  return Take(position, /*of_request=*/true);
}

std::optional<Fault> FaultScript::TakeForStream(uint64_t position) {
  return Take(position, /*of_request=*/false);
}

std::optional<Fault> FaultScript::Take(uint64_t position, bool of_request) {
  MutexLock lock(&mu_);
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->after > position) break;
    if (it->fault.of_request() != of_request) continue;
    const Fault fault = it->fault;
    waiting_.erase(it);
    return fault;
  }
  return std::nullopt;
}

uint64_t FaultScript::MessagesToNext(uint64_t position) const {
  MutexLock lock(&mu_);
  for (const ScriptedFault& scripted : waiting_) {
    if (scripted.fault.of_request() || scripted.after <= position) continue;
    return scripted.after - position;
  }
  return std::numeric_limits<uint64_t>::max();
}

}  // namespace weir::sim
