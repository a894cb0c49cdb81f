#ifndef WEIR_HOST_BROKER_FILTER_H_
#define WEIR_HOST_BROKER_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/broker/event_keys.h"
#include "host/broker/event_mask.h"
#include "host/broker/faults.h"
#include "host/broker/prefix_set.h"
#include "host/broker/regex_scan.h"
#include "host/control/event_filter.h"
#include "re2/re2.h"

namespace weir {

// A union of filters, checked and compiled. Filters that mean the same, in
// whatever order they were written, have the same canonical form, so that all
// streams with one filter share one of these and what is cached for it.
// Immutable.
class FilterClass {
 public:
  // The bounds of a request; of weir.v1.EventFilter's own words.
  static constexpr size_t kMaxFilters = 16;
  static constexpr size_t kMaxTypes = 64;
  static constexpr size_t kMaxSources = 64;
  static constexpr size_t kMaxSubjectRegexes = 32;
  static constexpr size_t kMaxJsonRegexes = 4;
  static constexpr size_t kMaxRegexBytes = 512;
  static constexpr size_t kMaxPrefixes = 1024;
  static constexpr size_t kMaxAsNumbers = 1024;
  // Memory for all regular expressions of a class, programs and automata: what
  // a hostile pattern can cost. An automaton that outgrows its part is dropped
  // and built anew, which is slower and never wrong.
  static constexpr int64_t kDefaultRegexBudgetBytes = 8 << 20;

  // Compiles the union of `filters`; none, or one that is empty, matches
  // everything. Adds every fault to `faults`, and returns null if there is one:
  //   INVALID_FILTER_REGEX  {field, pattern, error}: RE2 refuses it, or it does
  //                         not fit into the budget;
  //   FILTER_TOO_LARGE      {field, limit}: too many, or too long;
  //   INVALID_FIELD         {field, value}: no type, prefix, ... at all.
  static std::unique_ptr<const FilterClass> Compile(
      const std::vector<EventFilter>& filters, int64_t regex_budget_bytes,
      Faults* faults);

  bool Matches(const EventKeys& keys) const;

  // Returns which of the events in `wanted` pass. `keys` are those of a chunk,
  // and `scans` its scans: what many classes look for is looked for once. What
  // these do not know is looked for here, one expression after the other.
  EventMask Match(const EventKeys* keys, const EventMask& wanted,
                  const ChunkScans& scans) const;

  // All regular expressions in it, as they were written.
  std::vector<std::string> subject_patterns() const;
  std::vector<std::string> json_patterns() const;
  bool has_regexes() const { return has_regexes_; }

  bool matches_everything() const { return specs_.empty(); }

  // Equal for filters that are written the same but for order and repetition.
  const std::string& canonical() const { return canonical_; }

  // Unique in this process: what results are cached by.
  uint64_t id() const { return id_; }

 private:
  // Exact texts, sorted, and beginnings of texts.
  struct Names {
    std::vector<std::string> exact, begins;
    bool empty() const { return exact.empty() && begins.empty(); }
    bool Matches(absl::string_view text) const;
  };
  // Any of the patterns is enough; none = any text.
  struct Regexes {
    std::vector<std::string> patterns;
    // One for all patterns where that is possible, since an automaton costs the
    // same however many it looks for.
    std::vector<std::unique_ptr<const RE2>> compiled;

    bool Matches(absl::string_view text) const;
    EventMask Match(const EventMask& wanted, RegexScan* scan,
                    RegexScan::TextOf text_of) const;
  };
  struct Spec {
    Names types, sources;
    Regexes subject, json;
    int32_t min_severity = 0;
    std::vector<std::pair<std::string, std::string>> labels;
    PrefixSet prefixes;
    PrefixMatch prefix_match = PrefixMatch::kOverlapping;
    std::vector<uint32_t> as_numbers;  // Sorted.

    bool Matches(const EventKeys& keys) const;
    // All but the regular expressions.
    bool MatchesPlain(const EventKeys& keys) const;
    bool IsPlainlyAll() const;
    EventMask Match(const EventKeys* keys, EventMask wanted,
                    const ChunkScans& scans) const;
  };
  class Compiler;

  FilterClass();

  std::vector<Spec> specs_;  // Any of them; none = everything.
  bool has_regexes_ = false;
  std::string canonical_;
  const uint64_t id_;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_FILTER_H_
