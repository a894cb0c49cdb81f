#ifndef WEIR_TESTS_FAKES_NAKADI_TOPIC_H_
#define WEIR_TESTS_FAKES_NAKADI_TOPIC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace weir::fake_nakadi {

// Event type and partition.
using Key = std::pair<std::string, std::string>;

// Offsets as Nakadi writes them. Position n is "n events are behind it", so the
// offset of a position is that of the event before it; nothing was yet: "-1".
inline std::string OffsetOf(uint64_t position) {
  if (position == 0) return "001-0001--1";
  return absl::StrFormat("001-0001-%018d", position - 1);
}

// Returns the position behind `offset`: of the present form, of the legacy one,
// a number, or BEGIN. None if it is not one.
inline std::optional<uint64_t> PositionOf(absl::string_view offset) {
  if (offset == "BEGIN" || offset == "001-0001--1") return 0;
  if (absl::StartsWith(offset, "001-0001-")) offset.remove_prefix(9);
  uint64_t number = 0;
  if (offset.size() > 18 || !absl::SimpleAtoi(offset, &number)) return {};
  return number + 1;
}

// The events of one partition: kept one by one, or so many times the same, for
// when a benchmark wants more than memory holds. A value.
class Partition {
 public:
  void Publish(std::string event) { events_.push_back(std::move(event)); }
  void Fill(std::string event, uint64_t count) {
    same_ = std::move(event);
    filled_ = count;
    joined_.clear();
  }

  // Those that were published one by one.
  const std::vector<std::string>& events() const { return events_; }

  uint64_t size() const { return filled_ > 0 ? filled_ : events_.size(); }

  // Appends the events [begin, begin + count) as the inside of a JSON array.
  void Append(uint64_t begin, uint64_t count, std::string* out) {
    if (filled_ > 0) {
      std::string& joined = joined_[count];
      if (joined.empty()) {
        for (uint64_t i = 0; i < count; ++i) {
          absl::StrAppend(&joined, i > 0 ? "," : "", same_);
        }
      }
      out->append(joined);
      return;
    }
    for (uint64_t i = begin; i < begin + count; ++i) {
      absl::StrAppend(out, i > begin ? "," : "", events_[i]);
    }
  }

 private:
  std::vector<std::string> events_;
  std::string same_;
  uint64_t filled_ = 0;
  std::map<uint64_t, std::string> joined_;  // Of `same_`, by count.
};

// All partitions of all event types.
using Topics = std::map<Key, Partition>;

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_TOPIC_H_
