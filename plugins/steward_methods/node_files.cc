#include "plugins/steward_methods/node_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "plugins/support/file_paths.h"

namespace weir {
namespace {

constexpr size_t kMaxFolders = 16;  // In a directory that a sender names.
constexpr mode_t kFolderMode = 0750;
constexpr mode_t kFileMode = 0640;
// What Replace writes first. One worker writes, and so one name is enough; what
// a killed process left is written over.
constexpr char kNew[] = ".weir-new";

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }

  // Returns 0 or errno.
  int Write(std::string_view data) const {
    while (!data.empty()) {
      const ssize_t written = write(fd_, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      data.remove_prefix(static_cast<size_t>(written));
    }
    return 0;
  }

 private:
  const int fd_;
};

}  // namespace

// A directory that is open.
class NodeFiles::Folder {
 public:
  Folder() = default;
  ~Folder() { Set(-1); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  int fd() const { return fd_; }

  // Opens `path`, which the operator named. Returns 0 or errno.
  int OpenRoot(const std::string& path) {
    Set(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd_ < 0 ? errno : 0;
  }
  // Goes into the folder `name` of this one, which is made if it is not there.
  int Enter(const std::string& name) {
    if (mkdirat(fd_, name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
      return errno;
    }
    const int next = openat(fd_, name.c_str(),
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) return errno;
    Set(next);
    return 0;
  }

 private:
  void Set(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

  int fd_ = -1;
};

NodeFiles::NodeFiles(std::string root, std::vector<std::string> others,
                     uint64_t max_file_bytes)
    : root_(std::move(root)),
      others_(std::move(others)),
      max_file_bytes_(max_file_bytes) {}

std::string NodeFiles::Open(const Place& place, Folder* folder) const {
  if (!IsFileName(place.name) || place.name == kNew) {
    return "file name " + Quoted(place.name) +
           ": must be 1 to 255 bytes without \"/\" and controls";
  }
  std::string base = root_;
  std::string_view rest = place.directory;
  const bool absolute = rest.starts_with('/');
  if (absolute) {
    const auto found =
        std::find_if(others_.begin(), others_.end(), [&](const auto& other) {
          return LiesIn(place.directory, other, &rest);
        });
    if (found == others_.end()) {
      return "directory " + Quoted(place.directory) +
             ": is absolute, and in none of absolute_directories";
    }
    base = *found;
  } else if (base.empty()) {
    return "directory " + Quoted(place.directory) +
           ": there is no data directory; set the sandbox profile to `files`, "
           "or `directory`";
  }
  std::vector<std::string> parts = PathParts(rest);
  if (parts.size() > kMaxFolders) {
    return "directory " + Quoted(place.directory) + ": more than " +
           std::to_string(kMaxFolders) + " folders, one in the other";
  }
  if (!absolute) {
    if (!IsFileName(place.node)) {
      return "node " + Quoted(place.node) + ": makes no name of a folder";
    }
    parts.emplace_back(place.node);
  }
  for (const std::string& part : parts) {
    if (!IsFileName(part)) {
      return "directory " + Quoted(place.directory) + ": " + Quoted(part) +
             " may not be a part of it";
    }
  }
  int error = folder->OpenRoot(base);
  std::string at = base;
  for (size_t i = 0; error == 0 && i < parts.size(); ++i) {
    at += '/' + parts[i];
    error = folder->Enter(parts[i]);
  }
  return error == 0 ? "" : at + ": " + ErrorText(error);
}

std::string NodeFiles::Replace(const Place& place,
                               std::string_view data) const {
  Folder folder;
  if (std::string fault = Open(place, &folder); !fault.empty()) return fault;
  if (data.size() > max_file_bytes_) {
    return "file " + Quoted(place.name) + ": " + std::to_string(data.size()) +
           " bytes are more than max_file_bytes";
  }
  const std::string name(place.name);
  struct stat info = {};
  if (fstatat(folder.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(info.st_mode)) {
    return "file " + Quoted(name) + ": what is there is no file";
  }
  int error = 0;
  {
    const File file(openat(
        folder.fd(), kNew,
        O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        kFileMode));
    error = file.fd() < 0 ? errno : file.Write(data);
  }
  if (error == 0 &&
      renameat(folder.fd(), kNew, folder.fd(), name.c_str()) != 0) {
    error = errno;
  }
  if (error == 0) return "";
  unlinkat(folder.fd(), kNew, 0);
  return "writing " + Quoted(name) + ": " + ErrorText(error);
}

std::string NodeFiles::Append(const Place& place, std::string_view data) const {
  Folder folder;
  if (std::string fault = Open(place, &folder); !fault.empty()) return fault;
  const std::string name(place.name);
  // Without O_NONBLOCK a pipe would wait for its reader.
  const File file(openat(
      folder.fd(), name.c_str(),
      O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
      kFileMode));
  if (file.fd() < 0) return "writing " + Quoted(name) + ": " + ErrorText(errno);
  struct stat info = {};
  if (fstat(file.fd(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return "file " + Quoted(name) + ": what is there is no file";
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (data.size() > max_file_bytes_ || size > max_file_bytes_ - data.size()) {
    return "file " + Quoted(name) + ": with " + std::to_string(data.size()) +
           " bytes more it has more than max_file_bytes; move it away";
  }
  const int error = file.Write(data);
  if (error == 0) return "";
  if (ftruncate(file.fd(), info.st_size) != 0) {
    return "writing " + Quoted(name) + ": " + ErrorText(error) +
           "; a part of it stands there";
  }
  return "writing " + Quoted(name) + ": " + ErrorText(error);
}

}  // namespace weir
