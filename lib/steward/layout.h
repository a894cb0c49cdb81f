#ifndef WEIR_LIB_STEWARD_LAYOUT_H_
#define WEIR_LIB_STEWARD_LAYOUT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace weir::steward {

// How a message lies in its CBOR array. The array has no version mark and no
// field names: each release of steward, later ctrl, moved the fields, and a
// receiver of another release refuses the message. What follows for the sender:
// know the peer's release; for the receiver: see DecodeMessage, which tells
// them apart.
enum class Layout {
  kS0,  // steward of 2022-01 (5698623): 25 elements, data as texts, relay.
  kS1,  // steward from 2022-06 to its end, ctrl to 2024-11-19: 23 elements.
  kC2,  // ctrl of 2024-11-27 (cdf660a): 24, JetStream.
  kC3,  // ctrl v0.1 (2024-12-28): 25.
  kC4,  // ctrl v0.2 (2025-02-14) and main: 27.
};

// The number of elements that the array has: no more, no less.
constexpr size_t ElementCount(Layout layout) {
  switch (layout) {
    case Layout::kS0:
    case Layout::kC3:
      return 25;
    case Layout::kS1:
      return 23;
    case Layout::kC2:
      return 24;
    case Layout::kC4:
      return 27;
  }
  return 0;
}

// As configurations, logs and errors call it.
constexpr absl::string_view LayoutName(Layout layout) {
  switch (layout) {
    case Layout::kS0:
      return "S0";
    case Layout::kS1:
      return "S1";
    case Layout::kC2:
      return "C2";
    case Layout::kC3:
      return "C3";
    case Layout::kC4:
      return "C4";
  }
  return "";
}

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_LAYOUT_H_
