#ifndef WEIR_HOST_CONTROL_EVENT_FILTER_H_
#define WEIR_HOST_CONTROL_EVENT_FILTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir {

// How an event's prefix must stand to a filter's prefix.
enum class PrefixMatch { kOverlapping, kExact, kMoreSpecific, kLessSpecific };

// Which events a client wants, as it wrote it, unchecked: weir.v1.EventFilter
// in our own words, with its meaning and its bounds. Empty matches everything.
struct EventFilter {
  std::vector<std::string> types;
  std::vector<std::string> sources;
  std::vector<std::string> subject_regexes;
  int32_t min_severity = 0;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> json_regexes;
  std::vector<std::string> prefixes;
  PrefixMatch prefix_match = PrefixMatch::kOverlapping;
  std::vector<uint32_t> as_numbers;

  bool operator==(const EventFilter&) const = default;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_EVENT_FILTER_H_
