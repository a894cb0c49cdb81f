#ifndef WEIR_PLUGINS_STEWARD_FETCH_FILE_TAIL_H_
#define WEIR_PLUGINS_STEWARD_FETCH_FILE_TAIL_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "plugins/steward_fetch/file_list.h"

namespace weir {

// What a tail may do.
struct TailLimits {
  std::chrono::steady_clock::time_point end;
  size_t max_line_bytes = 0;  // A longer line comes in pieces.
  std::function<bool()> should_stop = [] { return false; };
};

// Follows the file that `path` names, from its end at the call on: gives each
// line that is added to `on_line`, with its end, as soon as the line is whole.
// Returns at the end of its time, or when `on_line` or `should_stop` say so.
// Returns why the file cannot be followed, for a person, or nothing.
//
// A file that is put in its place is read from its begin, after the rest of the
// one before; one that became shorter, from its begin, too. What was there
// without an end of line then comes as it is. What is written and cut off again
// between two looks, a tenth of a second apart, is not seen, and neither is
// that a file which was cut has grown beyond its old size by the next look.
std::string FollowFile(const FileList& files, std::string_view path,
                       const TailLimits& limits,
                       const std::function<bool(std::string_view)>& on_line);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_FETCH_FILE_TAIL_H_
