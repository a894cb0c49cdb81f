#ifndef WEIR_PLUGINS_STEWARD_METHODS_NODE_FILES_H_
#define WEIR_PLUGINS_STEWARD_METHODS_NODE_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// Writes what nodes send to files, and nowhere but below the directories that
// the operator named, whatever the senders say: no part of a path may be "..",
// and no link is followed. Directories are made as they are needed (mode 0750,
// files 0640).
//
//   ROOT/DIRECTORY/NODE/NAME    DIRECTORY is "", "a" or "a/b"
//   DIRECTORY/NAME              it begins with "/", and lies in one of `others`
//
// Not thread-safe. Paths are followed with openat from a directory to the next,
// so that one which is exchanged meanwhile leads nowhere.
class NodeFiles {
 public:
  struct Place {
    std::string_view directory, node, name;
  };

  // `root` and `others` are absolute; `root` may be empty: only the others. No
  // file grows beyond `max_file_bytes`.
  NodeFiles(std::string root, std::vector<std::string> others,
            uint64_t max_file_bytes);

  // Each returns why not, for a person, or nothing: then `data` is with the
  // kernel, whole. On an error the file is as it was.
  //
  // Puts a file with `data` into the place of what is there.
  std::string Replace(const Place& place, std::string_view data) const;
  // Appends.
  std::string Append(const Place& place, std::string_view data) const;

 private:
  class Folder;

  std::string Open(const Place& place, Folder* folder) const;

  const std::string root_;
  const std::vector<std::string> others_;
  const uint64_t max_file_bytes_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_METHODS_NODE_FILES_H_
