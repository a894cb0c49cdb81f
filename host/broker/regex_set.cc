#include "host/broker/regex_set.h"

#include <algorithm>
#include <atomic>

namespace weir {
namespace {

uint64_t NextId() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

RegexSet::RegexSet(const RE2::Options& options)
    : set_(options, RE2::UNANCHORED), id_(NextId()) {}

std::unique_ptr<const RegexSet> RegexSet::Make(
    std::vector<std::string> patterns, int64_t budget_bytes) {
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  if (patterns.size() > kMaxPatterns) return nullptr;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(budget_bytes);
  // Not make_unique: the constructor is private.
  std::unique_ptr<RegexSet> made(new RegexSet(options));
  for (const std::string& pattern : patterns) {
    const int number = made->set_.Add(pattern, nullptr);
    if (number < 0) return nullptr;
    made->numbers_[pattern] = static_cast<uint32_t>(number);
  }
  if (!made->set_.Compile()) return nullptr;
  return made;
}

std::optional<uint32_t> RegexSet::NumberOf(absl::string_view pattern) const {
  const auto at = numbers_.find(pattern);
  if (at == numbers_.end()) return std::nullopt;
  return at->second;
}

bool RegexSet::Find(absl::string_view text, std::vector<int>* found) const {
  found->clear();
  RE2::Set::ErrorInfo error = {RE2::Set::kNoError};
  const bool any =
      set_.Match(re2::StringPiece(text.data(), text.size()), found, &error);
  return any || error.kind == RE2::Set::kNoError;
}

}  // namespace weir
