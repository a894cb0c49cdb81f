#include "host/plugin/data_dir.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<std::string> MakeDataDir(const std::string& state_dir,
                                        absl::string_view id) {
  std::error_code error;
  std::string path = std::filesystem::absolute(state_dir, error).string();
  for (const absl::string_view part :
       {absl::string_view("plugins"), id, absl::string_view("data")}) {
    absl::StrAppend(&path, "/", part);
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return absl::UnavailableError(
          absl::StrCat("data directory ", path, ": ", std::strerror(errno)));
    }
  }
  return path;
}

}  // namespace weir
