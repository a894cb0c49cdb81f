#include "host/broker/regex_scan.h"

namespace weir {

std::optional<RegexScan::Result> RegexScan::Find(
    const EventMask& wanted, const std::vector<std::string>& patterns,
    TextOf text_of) {
  std::vector<uint32_t> numbers;
  numbers.reserve(patterns.size());
  for (const std::string& pattern : patterns) {
    const std::optional<uint32_t> number = set_->NumberOf(pattern);
    if (!number.has_value()) return std::nullopt;
    numbers.push_back(*number);
  }
  MutexLock lock(&mu_);
  for (EventMask rest = wanted & ~known_; !rest.empty();) {
    const uint32_t i = rest.TakeFirst();
    if (!set_->Find(text_of(i), &scratch_)) {
      unknown_.Set(i);
      overflows_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    for (const int number : scratch_) {
      found_[static_cast<uint32_t>(number)].Set(i);
    }
  }
  known_ = known_ | wanted;
  Result result;
  for (const uint32_t number : numbers) {
    if (const auto at = found_.find(number); at != found_.end()) {
      result.found = result.found | at->second;
    }
  }
  result.found = result.found & wanted;
  result.unknown = unknown_ & wanted;
  return result;
}

}  // namespace weir
