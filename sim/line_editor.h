#ifndef WEIR_SIM_LINE_EDITOR_H_
#define WEIR_SIM_LINE_EDITOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "sim/subscription_filter.h"

namespace weir::sim {

// What one connection does to each line of its stream: leave it out, take its
// `raw` away, write it in the old format. Not thread-safe.
class LineEditor {
 public:
  // With no filter every line is wanted, and `raw` stays.
  explicit LineEditor(std::optional<SubscriptionFilter> filter)
      : filter_(std::move(filter)) {}

  // From now on.
  void UseOldFormat() { old_format_ = true; }

  // Whether a line may come out in another way than it went in. If not there is
  // no need to call Edit, and no cost.
  bool edits() const { return filter_.has_value() || old_format_; }

  // Appends what becomes of `lines`, whole ones, to `out`. Returns how many are
  // left.
  uint64_t Edit(absl::string_view lines, std::string& out) const;

 private:
  bool EditLine(absl::string_view line, std::string& out) const;

  const std::optional<SubscriptionFilter> filter_;
  bool old_format_ = false;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_LINE_EDITOR_H_
