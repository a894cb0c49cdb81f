#include "host/pipeline/name_table.h"

#include <cassert>

namespace weir {

NameTable::NameTable() { Intern("OTHER"); }

uint16_t NameTable::Intern(absl::string_view name) {
  MutexLock lock(&mu_);
  if (const auto found = ids_.find(name); found != ids_.end()) {
    return found->second;
  }
  const size_t id = size_.load(std::memory_order_relaxed);
  if (id == kMaxNames) return kOther;
  names_[id] = std::string(name);
  ids_.emplace(names_[id], static_cast<uint16_t>(id));
  size_.store(id + 1, std::memory_order_release);
  return static_cast<uint16_t>(id);
}

void InternWellKnownTypes(NameTable& types) {
  for (const char* name :
       {"RAW", "UPDATE", "KEEPALIVE", "STATE", "OPEN", "NOTIFICATION"}) {
    types.Intern(name);
  }
  assert(types.size() == kWellKnownTypes);
}

}  // namespace weir
