#ifndef WEIR_HOST_DISPATCH_BOOKS_SOURCE_H_
#define WEIR_HOST_DISPATCH_BOOKS_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "host/pipeline/books.h"

namespace weir {

// The books of one slot, at one moment. A value.
struct SlotBooks {
  // Of the slot: a handler that was removed and added again has a new one.
  uint64_t id = 0;
  std::string name;
  Books books;
  bool final = false;  // The slot is gone, and these are its last.
};

// Where the Auditor reads the books. Thread-safe.
class BooksSource {
 public:
  virtual ~BooksSource() = default;

  // Returns the books of every slot there is, and once the final ones of each
  // that went since the last call: so a single caller misses none.
  virtual std::vector<SlotBooks> CollectBooks() = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_BOOKS_SOURCE_H_
