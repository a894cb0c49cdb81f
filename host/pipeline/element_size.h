#ifndef WEIR_HOST_PIPELINE_ELEMENT_SIZE_H_
#define WEIR_HOST_PIPELINE_ELEMENT_SIZE_H_

#include <cstddef>
#include <cstdint>

#include "weir/message_fields.h"

namespace weir {

// Returns the size of one element of a field of `kind`, so that a field of it
// is count times as long; 0 for a kind that is no array of such: a number, a
// text, bytes, a list of strings.
constexpr size_t ElementSize(uint8_t kind) {
  switch (kind) {
    case WEIR_KIND_U32_ARRAY:
      return sizeof(uint32_t);
    case WEIR_KIND_ADDRESS:
      return sizeof(weir_address);
    case WEIR_KIND_PREFIX:
      return sizeof(weir_prefix);
    case WEIR_KIND_RANGE:
      return sizeof(weir_range);
    case WEIR_KIND_NEXT_HOP:
      return sizeof(weir_next_hop);
    default:
      return 0;
  }
}

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_ELEMENT_SIZE_H_
