#ifndef WEIR_HOST_BROKER_REGEX_SET_H_
#define WEIR_HOST_BROKER_REGEX_SET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "re2/set.h"

namespace weir {

// Many regular expressions that are looked for in one pass: a text costs about
// 0.2 us, whether there is one of them or a thousand. Immutable but for the
// automaton inside, which RE2 builds as it goes; thread-safe.
class RegexSet {
 public:
  // What all results of a set may cost; more patterns are no set.
  static constexpr size_t kMaxPatterns = 4096;

  // Of `patterns`, each of which RE2 accepts alone; repeated ones count once.
  // Returns null if there are too many or they do not fit into `budget_bytes`
  // together.
  static std::unique_ptr<const RegexSet> Make(std::vector<std::string> patterns,
                                              int64_t budget_bytes);

  // The number of `pattern`, 0 to size() - 1; nullopt if it is not in here.
  std::optional<uint32_t> NumberOf(absl::string_view pattern) const;

  // Writes the numbers of all patterns that are found anywhere in `text` into
  // `found`. Returns false if the automaton outgrew its memory at this text:
  // then nobody knows, and each pattern has to be looked for by itself. RE2
  // allows itself that; of today's it is not known that it does, since Make
  // sees to it that twenty states of the automaton fit.
  bool Find(absl::string_view text, std::vector<int>* found) const;

  size_t size() const { return numbers_.size(); }
  // Unique in this process: what results are cached by.
  uint64_t id() const { return id_; }

 private:
  explicit RegexSet(const RE2::Options& options);

  RE2::Set set_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
  const uint64_t id_;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REGEX_SET_H_
