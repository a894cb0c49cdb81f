#ifndef WEIR_HOST_CONFIG_FAULT_LIST_H_
#define WEIR_HOST_CONFIG_FAULT_LIST_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/config/config_error.h"
#include "host/config/line_map.h"

namespace weir {

// Collects the faults that the checks find, each with its line.
//
// Two checks that stumble over the same thing are one fault: of what concerns
// one field, its parts, or what it is part of, the first Add stays. So a source
// whose kind is misspelled is not also said to have no kind.
//
// Not thread-safe.
class FaultList {
 public:
  // `lines` must outlive the list. Begins with `faults`, those of the reader.
  explicit FaultList(const LineMap& lines, std::vector<ConfigError> faults = {})
      : lines_(lines), faults_(std::move(faults)), first_(faults_.size()) {}

  // Adds a fault, unless an earlier check had one with the same thing.
  void Add(std::string path, std::string message) {
    for (size_t i = 0; i < first_; ++i) {
      if (Concerns(faults_[i].path, path)) return;
    }
    const int line = lines_.LineOf(path);
    faults_.push_back({std::move(path), line, std::move(message)});
  }

  // From now on another check speaks.
  void NextCheck() { first_ = faults_.size(); }

  // Returns the faults in the order of the file, and leaves none.
  std::vector<ConfigError> Take();

 private:
  static bool Concerns(absl::string_view a, absl::string_view b) {
    if (a.size() > b.size()) std::swap(a, b);
    if (a.empty() || b.substr(0, a.size()) != a) return a == b;
    return b.size() == a.size() || b[a.size()] == '.' || b[a.size()] == '[';
  }

  const LineMap& lines_;
  std::vector<ConfigError> faults_;
  size_t first_;
};

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_FAULT_LIST_H_
