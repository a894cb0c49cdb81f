#ifndef WEIR_TESTS_SUPPORT_COUNTING_ALLOCATOR_H_
#define WEIR_TESTS_SUPPORT_COUNTING_ALLOCATOR_H_

#include <cstdint>

namespace weir {

// How often operator new was called in this process, by any thread. Linking
// this in replaces operator new by one that counts.
uint64_t AllocationCount();

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_COUNTING_ALLOCATOR_H_
