#include "host/plugin/new_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir {

absl::Status StoreError(int error, absl::string_view path) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  std::string message =
      absl::StrCat("store.write: ", path, ": ", std::strerror(error),
                   full ? "; make room there, or raise the limit"
                        : "; the host keeps its copies of plugins there, so "
                          "make it writable");
  return full ? absl::ResourceExhaustedError(message)
              : absl::UnavailableError(message);
}

absl::Status SyncDirectory(const std::string& directory) {
  const FileDescriptor opened(
      open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.ok() || fsync(opened.get()) != 0) {
    return StoreError(errno, directory);
  }
  return absl::OkStatus();
}

absl::StatusOr<NewFile> NewFile::Create(const std::string& directory) {
  FileDescriptor nameless(
      open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400));
  if (nameless.ok()) return NewFile(std::move(nameless), directory, "");
  // What kernels and file systems without O_TMPFILE say.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return StoreError(errno, directory);
  }
  std::string temporary = absl::StrCat(directory, "/", kPrefix, "XXXXXX");
  FileDescriptor named(mkostemp(temporary.data(), O_CLOEXEC));
  if (!named.ok()) return StoreError(errno, directory);
  return NewFile(std::move(named), directory, std::move(temporary));
}

NewFile::~NewFile() {
  if (file_.ok() && !temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status NewFile::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return StoreError(errno, directory_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

bool NewFile::CloneFrom(int from) {
  return ioctl(file_.get(), FICLONE, from) == 0;
}

absl::Status NewFile::Link(const std::string& path, mode_t mode, bool durable) {
  if (fchmod(file_.get(), mode) != 0 || (durable && fsync(file_.get()) != 0)) {
    return StoreError(errno, path);
  }
  // By /proc, since by the bare descriptor only root may.
  const std::string from = temporary_.empty()
                               ? absl::StrCat("/proc/self/fd/", file_.get())
                               : temporary_;
  if (linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(),
             AT_SYMLINK_FOLLOW) != 0) {
    return StoreError(errno, path);
  }
  if (!durable) return absl::OkStatus();
  absl::Status synced = SyncDirectory(path.substr(0, path.rfind('/')));
  if (!synced.ok()) unlink(path.c_str());
  return synced;
}

}  // namespace weir
