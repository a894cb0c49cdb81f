#ifndef WEIR_TESTS_SUPPORT_SAME_FIELDS_H_
#define WEIR_TESTS_SUPPORT_SAME_FIELDS_H_

#include <cstdint>
#include <cstring>

#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {

// Whether two messages say the same: type, time, and the same fields in the
// same order, wherever in their messages the values lie.
inline bool SameFields(const weir_msg& a, const weir_msg& b) {
  if (a.type_id != b.type_id || a.ts_ns != b.ts_ns ||
      a.n_fields != b.n_fields) {
    return false;
  }
  for (uint32_t i = 0; i < a.n_fields; ++i) {
    const weir_field& x = a.fields[i];
    const weir_field& y = b.fields[i];
    if (x.key != y.key || x.kind != y.kind || x.flags != y.flags ||
        x.len != y.len || x.count != y.count) {
      return false;
    }
    const bool same =
        x.kind == WEIR_KIND_UINT
            ? x.off == y.off
            : std::memcmp(a.base + x.off, b.base + y.off, x.len) == 0;
    if (!same) return false;
  }
  return true;
}

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_SAME_FIELDS_H_
