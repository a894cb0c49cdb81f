#ifndef WEIR_HOST_CONFIG_LINE_MAP_H_
#define WEIR_HOST_CONFIG_LINE_MAP_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// Remembers on which line of the file each field of a configuration stands, so
// that a check that only sees the message can still say where.
//
// Not thread-safe.
class LineMap {
 public:
  // The field at `path` stands on `line`, from 1. The last call for a path
  // wins.
  void Set(const std::string& path, int line) { lines_[path] = line; }

  // Returns the line of the field at `path`; if it is not in the file, that of
  // the nearest thing around it that is; else 0.
  int LineOf(absl::string_view path) const {
    while (!path.empty()) {
      const auto found = lines_.find(path);
      if (found != lines_.end()) return found->second;
      const size_t end = path.find_last_of(".[");
      path = path.substr(0, end == absl::string_view::npos ? 0 : end);
    }
    return 0;
  }

 private:
  std::map<std::string, int, std::less<>> lines_;
};

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_LINE_MAP_H_
