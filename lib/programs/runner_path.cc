#include "lib/programs/runner_path.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace weir {

std::string FindPluginRunner() {
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path folder = self.parent_path();
  const std::string beside = folder / "weir-plugin-runner";
  if (access(beside.c_str(), X_OK) == 0) return beside;
  const std::string built =
      folder.parent_path() / "runner" / "weir-plugin-runner";
  return access(built.c_str(), X_OK) == 0 ? built : beside;
}

}  // namespace weir
