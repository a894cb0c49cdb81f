#ifndef WEIR_HOST_PIPELINE_NAME_TABLE_H_
#define WEIR_HOST_PIPELINE_NAME_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "host/sync/mutex.h"

namespace weir {

// Gives names small numbers that never change while the process lives: message
// types, and sources. A message then carries a number, and a handler's answer
// to WantsMessage is one entry of an array.
//
// Thread-safe; Name takes no lock.
class NameTable {
 public:
  // Names that a table holds. A peer can make up types without end; what comes
  // after these is kOther, and handlers are asked about "OTHER".
  static constexpr size_t kMaxNames = 1024;
  static constexpr uint16_t kOther = 0;

  // Number 0 is "OTHER".
  NameTable();

  NameTable(const NameTable&) = delete;
  NameTable& operator=(const NameTable&) = delete;

  // Returns the number of `name`, which gets the next free one if it is new;
  // kOther if there is none left.
  uint16_t Intern(absl::string_view name) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the name of `id`, empty if it was not given out. Valid as long as
  // the table.
  absl::string_view Name(size_t id) const {
    return id < size() ? absl::string_view(names_[id]) : absl::string_view();
  }

  // How many names there are; their numbers are 0 to size() - 1.
  size_t size() const { return size_.load(std::memory_order_acquire); }

 private:
  // Entries below size_ are immutable.
  std::array<std::string, kMaxNames> names_;
  std::atomic<size_t> size_{0};
  Mutex mu_;
  absl::flat_hash_map<std::string, uint16_t> ids_ ABSL_GUARDED_BY(mu_);
};

// The names that RIS Live messages have, interned first, in this order, so that
// their numbers are constants. RIS_PEER_STATE arrives as STATE. RAW is the
// pseudo-type of the raw tap: each payload, unparsed, bad ones too.
enum WellKnownType : uint16_t {
  kTypeOther = NameTable::kOther,
  kTypeRaw,
  kTypeUpdate,
  kTypeKeepalive,
  kTypeState,
  kTypeOpen,
  kTypeNotification,
  kWellKnownTypes,  // How many there are; not a type.
};

// Interns them into a fresh table.
void InternWellKnownTypes(NameTable& types);

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_NAME_TABLE_H_
