#ifndef WEIR_TESTS_SUPPORT_PLUGIN_DIR_H_
#define WEIR_TESTS_SUPPORT_PLUGIN_DIR_H_

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/short_temp_dir.h"

namespace weir {

// A plugin folder, and a state directory beside it, for as long as this lives.
class PluginDir {
 public:
  PluginDir() {
    mkdir(folder().c_str(), 0755);
    mkdir(state().c_str(), 0700);
  }

  std::string folder() const { return dir_.path() + "/plugins"; }
  std::string state() const { return dir_.path() + "/state"; }
  std::string Path(const std::string& name) const {
    return folder() + "/" + name;
  }

  // Writes the file `name`, in place, if it is there. Returns its path.
  std::string Put(const std::string& name, const std::string& bytes,
                  mode_t mode = 0644) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    chmod(Path(name).c_str(), mode);
    return Path(name);
  }

  // Who may own files: whoever runs this test.
  static std::vector<uid_t> Owners() { return {getuid()}; }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  const ShortTempDir dir_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_PLUGIN_DIR_H_
