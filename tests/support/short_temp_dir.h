#ifndef WEIR_TESTS_SUPPORT_SHORT_TEMP_DIR_H_
#define WEIR_TESTS_SUPPORT_SHORT_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace weir {

// A fresh directory with a short path, for as long as this lives: the path of a
// Unix socket has at most 107 bytes, and Bazel's own directories are longer.
class ShortTempDir {
 public:
  ShortTempDir() : path_("/tmp/weir-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~ShortTempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  ShortTempDir(const ShortTempDir&) = delete;
  ShortTempDir& operator=(const ShortTempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_SHORT_TEMP_DIR_H_
