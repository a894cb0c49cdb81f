#ifndef WEIR_HOST_DISPATCH_WANTS_TABLE_H_
#define WEIR_HOST_DISPATCH_WANTS_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "host/pipeline/name_table.h"

namespace weir {

// What a handler answered when it was asked whether it wants a type.
enum class Wants : uint8_t { kUnknown, kNo, kYes };

// The answers of one slot's handler, one for each type that a NameTable can
// hold, so that a message which is not wanted costs one look at a byte.
//
// Thread-safe. Which answer a reader sees around the moment that it changes is
// decided by the HandlerQueue, which sets it under its lock and looks again
// there.
class WantsTable {
 public:
  Wants Get(uint16_t type) const {
    return answers_[Index(type)].load(std::memory_order_relaxed);
  }

  void Set(uint16_t type, bool wanted) {
    answers_[Index(type)].store(wanted ? Wants::kYes : Wants::kNo,
                                std::memory_order_relaxed);
  }

  // It was not asked about `type`.
  void Forget(uint16_t type) {
    answers_[Index(type)].store(Wants::kUnknown, std::memory_order_relaxed);
  }

 private:
  // A NameTable gives out no larger numbers, but a Message is plain data.
  static uint16_t Index(uint16_t type) {
    return type < NameTable::kMaxNames ? type : NameTable::kOther;
  }

  std::array<std::atomic<Wants>, NameTable::kMaxNames> answers_ = {};
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_WANTS_TABLE_H_
