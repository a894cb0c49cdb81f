#include "host/config/read_config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/config/config_limits.h"

namespace weir {
namespace {

absl::Status FromErrno(int error) {
  switch (error) {
    case ENOENT:
      return absl::NotFoundError("no such file");
    case EISDIR:
      return absl::FailedPreconditionError(
          "is a directory; name the file in it");
    case EACCES:
      return absl::PermissionDeniedError(
          "must not be read by this user; give the host's user the right");
    default:
      return absl::ErrnoToStatus(error, "reading it");
  }
}

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FromErrno(errno);
  const absl::Cleanup close_file = [file] { close(file); };
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(errno);  // EISDIR comes here.
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxConfigBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "larger than ", kMaxConfigBytes,
          " bytes; a configuration is not, so look whether it is the right "
          "file"));
    }
  }
}

}  // namespace weir
