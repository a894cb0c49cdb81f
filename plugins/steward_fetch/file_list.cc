#include "plugins/steward_fetch/file_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugins/support/file_paths.h"

namespace weir {
namespace {

constexpr size_t kMaxBytes = 4000;

// Returns what no path may have, or nothing. It may end with "/".
std::string FaultOf(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return "is no absolute path, which begins with /";
  }
  if (path.size() > kMaxBytes) return "is longer than 4000 bytes";
  if (path.find('\0') != std::string_view::npos) return "has a byte 0 in it";
  path.remove_prefix(1);
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") {
      return "has \"//\", \".\" or \"..\" in it";
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return "";
}

}  // namespace

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) close(fd_);
}

std::string FileList::Add(std::string_view path) {
  if (std::string fault = FaultOf(path); !fault.empty()) return fault;
  entries_.emplace_back(path);
  return "";
}

const std::string* FileList::Find(std::string_view path) const {
  const auto found = std::find_if(
      entries_.begin(), entries_.end(), [path](const std::string& entry) {
        if (!entry.ends_with('/')) return path == entry;
        return path.size() > entry.size() && path.starts_with(entry);
      });
  return found == entries_.end() ? nullptr : &*found;
}

bool FileList::Allows(std::string_view path) const {
  return FaultOf(path).empty() && !path.ends_with('/') && Find(path) != nullptr;
}

std::string FileList::Open(std::string_view path, OpenFile* file) const {
  if (std::string fault = FaultOf(path); !fault.empty()) {
    return "the path " + fault;
  }
  const std::string* const entry = Find(path);
  if (entry == nullptr || path.ends_with('/')) {
    return "the path is none of those allowed";
  }
  // Up to here the operator says what it is.
  const size_t trusted = entry->rfind('/') + 1;
  std::string_view rest = path.substr(trusted);
  OpenFile folder(open(entry->substr(0, trusted).c_str(),
                       O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (size_t end = rest.find('/');
       folder.ok() && end != std::string_view::npos; end = rest.find('/')) {
    folder =
        OpenFile(openat(folder.fd(), std::string(rest.substr(0, end)).c_str(),
                        O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    rest.remove_prefix(end + 1);
  }
  if (!folder.ok()) return "the file cannot be opened: " + ErrorText(errno);
  // Without O_NONBLOCK a pipe would wait for its writer.
  OpenFile opened(
      openat(folder.fd(), std::string(rest).c_str(),
             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!opened.ok()) {
    return errno == ELOOP ? "the file is a link"
                          : "the file cannot be opened: " + ErrorText(errno);
  }
  struct stat info = {};
  if (fstat(opened.fd(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return "what is there is no file";
  }
  *file = std::move(opened);
  return "";
}

}  // namespace weir
