#include "plugins/steward_copy/copy_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugins/support/file_paths.h"

namespace weir {
namespace {

constexpr size_t kMaxFolders = 16;  // One in the other, below a root.
constexpr mode_t kPermission = 0777;

// Goes from `root`, which the operator named, down the `parts`. Makes what is
// not there with `make` bits; 0: makes nothing. Returns no folder, and why.
CopyFd Enter(const std::string& root, const std::vector<std::string>& parts,
             mode_t make, std::string* why) {
  CopyFd folder(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::string at = root;
  for (size_t i = 0; folder && i < parts.size(); ++i) {
    if (!IsFileName(parts[i]) || parts.size() > kMaxFolders) {
      *why = Quoted(at) + ": " + Quoted(parts[i]) + " may not be behind it";
      return CopyFd();
    }
    at += '/' + parts[i];
    if (make != 0 && mkdirat(folder.get(), parts[i].c_str(), make) != 0 &&
        errno != EEXIST) {
      break;
    }
    folder = CopyFd(openat(folder.get(), parts[i].c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!folder) *why = at + ": " + ErrorText(errno);
  return folder;
}

}  // namespace

CopyFd& CopyFd::operator=(CopyFd&& other) noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = other.Release();
  return *this;
}

CopyFd::~CopyFd() {
  if (fd_ >= 0) close(fd_);
}

std::unique_ptr<SourceFile> SourceFile::Open(
    std::string_view path, const std::vector<std::string>& directories,
    uint64_t max_bytes, std::string* why) {
  std::string_view rest;
  const auto found = std::find_if(
      directories.begin(), directories.end(),
      [&](const auto& directory) { return LiesIn(path, directory, &rest); });
  if (found == directories.end()) {
    *why = Quoted(path) + ": lies in none of source_directories";
    return nullptr;
  }
  std::vector<std::string> parts = PathParts(rest);
  if (parts.empty() || !IsFileName(parts.back())) {
    *why = Quoted(path) + ": is no path of a file";
    return nullptr;
  }
  const std::string name = std::move(parts.back());
  parts.pop_back();
  const CopyFd folder = Enter(*found, parts, 0, why);
  if (!folder) return nullptr;
  // Without O_NONBLOCK a pipe would wait for its writer.
  CopyFd file(openat(folder.get(), name.c_str(),
                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info = {};
  if (!file || fstat(file.get(), &info) != 0) {
    *why = Quoted(path) + ": " + ErrorText(errno);
    return nullptr;
  }
  if (!S_ISREG(info.st_mode)) {
    *why = Quoted(path) + ": is no file";
    return nullptr;
  }
  if (static_cast<uint64_t>(info.st_size) > max_bytes) {
    *why = Quoted(path) + ": its " + std::to_string(info.st_size) +
           " bytes are more than max_file_bytes";
    return nullptr;
  }
  return std::unique_ptr<SourceFile>(
      new SourceFile(std::move(file), info.st_mode & kPermission, max_bytes));
}

int SourceFile::Read(size_t bytes, std::string* to) {
  to->resize(bytes);
  size_t size = 0;
  while (size < bytes) {
    const ssize_t got = read(file_.get(), to->data() + size, bytes - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  to->resize(size);
  if (size > left_) return EFBIG;
  left_ -= size;
  return 0;
}

std::unique_ptr<TargetFile> TargetFile::Create(const std::string& root,
                                               const Place& place,
                                               std::string_view word,
                                               uint64_t max_bytes,
                                               std::string* why) {
  if (root.empty()) {
    *why =
        "there is no folder to copy to; set the sandbox profile to `files`, "
        "or `destination_directory`";
    return nullptr;
  }
  std::string_view rest = place.directory;
  if (rest.starts_with('/') && !LiesIn(place.directory, root, &rest)) {
    *why = Quoted(place.directory) + ": lies not in destination_directory";
    return nullptr;
  }
  if (!IsFileName(place.name)) {
    *why = Quoted(place.name) + ": is no name of a file";
    return nullptr;
  }
  // Ours to enter, whatever the sender wants.
  const mode_t folder_mode = (place.folder_mode & kPermission) | 0700;
  CopyFd folder = Enter(root, PathParts(rest), folder_mode, why);
  if (!folder) return nullptr;
  const std::string name(place.name);
  struct stat info = {};
  if (fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(info.st_mode)) {
    *why = Quoted(name) + ": what is there is no file";
    return nullptr;
  }
  std::string temporary = ".weir-copy-" + std::string(word);
  CopyFd file(openat(folder.get(), temporary.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     0600));
  if (!file) {
    *why = Quoted(temporary) + ": " + ErrorText(errno);
    return nullptr;
  }
  return std::unique_ptr<TargetFile>(
      new TargetFile(std::move(folder), std::move(file), name,
                     std::move(temporary), max_bytes));
}

TargetFile::TargetFile(CopyFd folder, CopyFd file, std::string name,
                       std::string temporary, uint64_t max_bytes)
    : folder_(std::move(folder)),
      file_(std::move(file)),
      name_(std::move(name)),
      temporary_(std::move(temporary)),
      max_bytes_(max_bytes) {}

TargetFile::~TargetFile() {
  if (!finished_) unlinkat(folder_.get(), temporary_.c_str(), 0);
}

std::string TargetFile::Append(std::string_view data) {
  if (data.size() > max_bytes_ || bytes_ > max_bytes_ - data.size()) {
    return Quoted(name_) + ": is longer than max_file_bytes";
  }
  bytes_ += data.size();
  while (!data.empty()) {
    const ssize_t written = write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return "writing " + Quoted(name_) + ": " + ErrorText(errno);
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return "";
}

std::string TargetFile::Finish(mode_t mode) {
  if (fchmod(file_.get(), mode & kPermission) != 0 || fsync(file_.get()) != 0 ||
      renameat(folder_.get(), temporary_.c_str(), folder_.get(),
               name_.c_str()) != 0) {
    return "writing " + Quoted(name_) + ": " + ErrorText(errno);
  }
  finished_ = true;
  if (fsync(folder_.get()) != 0) {
    return "writing " + Quoted(name_) + ": " + ErrorText(errno);
  }
  return "";
}

}  // namespace weir
