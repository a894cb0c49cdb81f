#include "lib/client/cursor_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace weir::client {
namespace {

// Far above any cursor, which is an epoch and a number.
constexpr size_t kMaxCursorBytes = 256;

absl::Status FileError(absl::string_view doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(doing, " ", path));
}

bool IsCursor(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxCursorBytes &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

// Writes all of `bytes` to a new file at `path`, down to the disk.
absl::Status WriteDurably(const std::string& path, absl::string_view bytes) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return FileError("creating", path);
  const absl::Cleanup closer = [fd] { close(fd); };
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("writing", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (fdatasync(fd) != 0) return FileError("syncing", path);
  return absl::OkStatus();
}

}  // namespace

CursorFile::CursorFile(std::string path) : path_(std::move(path)) {}

absl::StatusOr<std::optional<std::string>> CursorFile::Load() const {
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return FileError("opening", path_);
  const absl::Cleanup closer = [fd] { close(fd); };
  // One more than a cursor and its line end, to see a file that is too long.
  char buffer[kMaxCursorBytes + 2];
  const ssize_t length = read(fd, buffer, sizeof(buffer));
  if (length < 0) return FileError("reading", path_);
  absl::string_view text(buffer, static_cast<size_t>(length));
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!IsCursor(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ": holds no cursor (one line of at most ", kMaxCursorBytes,
        " printable characters); delete it to start without one"));
  }
  return std::string(text);
}

absl::Status CursorFile::Save(absl::string_view cursor) {
  const std::string next = absl::StrCat(path_, ".next");
  if (absl::Status status = WriteDurably(next, absl::StrCat(cursor, "\n"));
      !status.ok()) {
    unlink(next.c_str());
    return status;
  }
  if (std::rename(next.c_str(), path_.c_str()) != 0) {
    const absl::Status status = FileError("replacing", path_);
    unlink(next.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace weir::client
