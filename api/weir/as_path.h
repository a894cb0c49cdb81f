#ifndef WEIR_AS_PATH_H_
#define WEIR_AS_PATH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "weir/message_fields.h"

namespace weir::bgp {

// An AS path as it was sent, the collector's neighbour first, the origin last,
// prepends kept. A view: valid as long as the message it comes from.
class AsPath {
 public:
  AsPath() = default;
  AsPath(std::span<const uint32_t> numbers, std::span<const weir_range> sets)
      : numbers_(numbers), sets_(sets) {}

  bool empty() const { return numbers_.empty(); }

  // All AS numbers in order, the members of AS_SETs among them.
  std::span<const uint32_t> numbers() const { return numbers_; }

  // Which of numbers() are AS_SETs, in order.
  std::span<const weir_range> sets() const { return sets_; }

  // The AS that originated the route; nullopt if the path is empty or ends in
  // an AS_SET, which does not say who did.
  std::optional<uint32_t> origin() const {
    if (empty() || !origin_set().empty()) return std::nullopt;
    return numbers_.back();
  }

  // The members of the AS_SET that the path ends in; empty if it does not.
  std::span<const uint32_t> origin_set() const {
    if (sets_.empty() || sets_.back().end != numbers_.size()) return {};
    return numbers_.subspan(sets_.back().begin);
  }

  // "64496 64497 {64498,64499}". A path of more than `max_numbers` ends in
  // "..." instead of the rest.
  std::string ToString(size_t max_numbers = SIZE_MAX) const {
    std::string text;
    size_t set = 0;
    for (size_t i = 0; i < numbers_.size(); ++i) {
      if (i > 0) text += set < sets_.size() && i > sets_[set].begin ? ',' : ' ';
      if (i == max_numbers) return text + "...";
      if (set < sets_.size() && i == sets_[set].begin) text += '{';
      text += std::to_string(numbers_[i]);
      if (set < sets_.size() && i + 1 == sets_[set].end) {
        text += '}';
        ++set;
      }
    }
    return text;
  }

 private:
  std::span<const uint32_t> numbers_;
  std::span<const weir_range> sets_;
};

}  // namespace weir::bgp

#endif  // WEIR_AS_PATH_H_
