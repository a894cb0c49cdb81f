#include "host/plugin/file_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir {

namespace {

// What is there instead of a regular file; empty if it is one.
absl::string_view OtherKind(mode_t mode) {
  if (S_ISREG(mode)) return "";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

absl::Status CheckModuleType(const struct stat& status,
                             absl::string_view path) {
  const absl::string_view kind = OtherKind(status.st_mode);
  if (!kind.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": file.type: ", kind, "; a plugin is a regular file"));
  }
  if (static_cast<size_t>(status.st_size) > kMaxModuleBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": file.size: ", status.st_size,
                     " bytes; the limit is ", kMaxModuleBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckOwner(const struct stat& status, absl::string_view path,
                        absl::Span<const uid_t> owners) {
  if ((status.st_mode & S_IWOTH) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, ": file.mode: everybody may write it; chmod o-w ", path));
  }
  if (std::find(owners.begin(), owners.end(), status.st_uid) == owners.end()) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, ": file.owner: owned by user ", status.st_uid,
        "; chown it to root or to the host's user, or name its owner in "
        "plugins.allowed_owners"));
  }
  return absl::OkStatus();
}

}  // namespace weir
