#include "host/plugin/module_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "host/plugin/file_rules.h"

namespace weir {

namespace {

absl::Status OpenError(int error, absl::string_view path) {
  return absl::ErrnoToStatus(
      error, absl::StrCat(path,
                          ": file.open: cannot be read; make it a file that "
                          "the host's user may read"));
}

absl::Status Changing(absl::string_view path) {
  return absl::AbortedError(absl::StrCat(
      path, ": file.changing: replaced while it was opened; try again"));
}

// The path of what `path` leads to, without links.
absl::StatusOr<std::string> Resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(
      realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return OpenError(errno, path);
  return std::string(real.get());
}

// The directory `name` in `at`, if nobody but `owners` decides what is in it.
// O_PATH: to go through it needs no permission to read it.
absl::StatusOr<FileDescriptor> OpenDirectory(int at, const std::string& name,
                                             int flags, absl::string_view path,
                                             absl::Span<const uid_t> owners) {
  FileDescriptor directory(
      openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | flags));
  struct stat status;
  if (!directory.ok() || fstat(directory.get(), &status) != 0) {
    return OpenError(errno, path);
  }
  absl::Status owner = CheckOwner(status, path, owners);
  if (!owner.ok()) return owner;
  return directory;
}

// The plain file `name` in `at`; a link there was put there just now.
absl::StatusOr<FileDescriptor> OpenFile(int at, const std::string& name,
                                        absl::string_view path,
                                        absl::Span<const uid_t> owners) {
  // O_NONBLOCK: should it be a pipe by now, it would wait for its writer.
  FileDescriptor file(
      openat(at, name.c_str(),
             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok()) {
    return errno == ELOOP ? Changing(path) : OpenError(errno, path);
  }
  struct stat status;
  if (fstat(file.get(), &status) != 0) return OpenError(errno, path);
  absl::Status checked = CheckModuleType(status, path);
  if (checked.ok()) checked = CheckOwner(status, path, owners);
  if (!checked.ok()) return checked;
  return file;
}

// What the link at `path` in the open folder `at` leads to.
absl::StatusOr<FileDescriptor> OpenLink(int at, const std::string& folder,
                                        const std::string& path,
                                        absl::Span<const uid_t> owners) {
  const absl::StatusOr<std::string> root = Resolve(folder);
  if (!root.ok()) return root.status();
  const absl::StatusOr<std::string> target = Resolve(path);
  if (!target.ok()) return target.status();
  absl::string_view below = *target;
  if (!absl::ConsumePrefix(&below, *root) ||
      !absl::ConsumePrefix(&below, "/")) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": file.link: leads to ", *target,
                     ", out of its folder; copy the file there instead, or "
                     "add its folder to plugins.folders"));
  }
  // Step by step from the open folder, and no step may be a link: whatever
  // changes meanwhile, this ends below the folder or in an error.
  std::vector<std::string> steps = absl::StrSplit(below, '/');
  const std::string name = std::move(steps.back());
  steps.pop_back();
  FileDescriptor directory;
  std::string so_far = *root;
  for (const std::string& step : steps) {
    absl::StrAppend(&so_far, "/", step);
    absl::StatusOr<FileDescriptor> next =
        OpenDirectory(directory.ok() ? directory.get() : at, step, O_NOFOLLOW,
                      so_far, owners);
    if (!next.ok()) return next.status();
    directory = *std::move(next);
  }
  return OpenFile(directory.ok() ? directory.get() : at, name, path, owners);
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenModuleFile(const std::string& path,
                                              absl::Span<const uid_t> owners) {
  const size_t slash = path.rfind('/');
  const std::string name =
      slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const absl::StatusOr<FileDescriptor> opened =
      OpenDirectory(AT_FDCWD, folder, 0, folder, owners);
  if (!opened.ok()) return opened.status();
  const int at = opened->get();

  // First without opening it: that alone can do things to a device.
  const FileDescriptor look(
      openat(at, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status;
  if (!look.ok() || fstat(look.get(), &status) != 0) {
    return OpenError(errno, path);
  }
  if (S_ISLNK(status.st_mode)) return OpenLink(at, folder, path, owners);
  if (absl::Status type = CheckModuleType(status, path); !type.ok()) {
    return type;
  }
  return OpenFile(at, name, path, owners);
}

}  // namespace weir
