#ifndef WEIR_PLUGINS_STEWARD_FETCH_FILE_LIST_H_
#define WEIR_PLUGINS_STEWARD_FETCH_FILE_LIST_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

// A descriptor that is closed with its owner.
class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept;
  ~OpenFile();

  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What may be read: absolute paths that the operator wrote. One that ends with
// "/" stands for all files below it.
//
// The operator's own path may lead through links. From there on none is
// followed, "." and ".." are refused, and what is opened is a regular file:
// directories are entered one by one, so one that is exchanged meanwhile leads
// nowhere else.
class FileList {
 public:
  // Returns what is wrong with `path`, or nothing.
  std::string Add(std::string_view path);

  // Opens `path` to read it. Returns why not, for a person, or nothing. One
  // that is not allowed, or not there, is named so.
  std::string Open(std::string_view path, OpenFile* file) const;

  // Whether some entry names it.
  bool Allows(std::string_view path) const;

  bool empty() const { return entries_.empty(); }

 private:
  const std::string* Find(std::string_view path) const;

  std::vector<std::string> entries_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_FETCH_FILE_LIST_H_
