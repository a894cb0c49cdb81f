#ifndef WEIR_PLUGINS_STEWARD_COPY_COPY_FILES_H_
#define WEIR_PLUGINS_STEWARD_COPY_COPY_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// A descriptor of a file or a folder, closed in the end.
class CopyFd {
 public:
  CopyFd() = default;
  explicit CopyFd(int fd) : fd_(fd) {}
  CopyFd(CopyFd&& other) noexcept : fd_(other.Release()) {}
  CopyFd& operator=(CopyFd&& other) noexcept;
  ~CopyFd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

  int fd_ = -1;
};

// A file that is read to be copied. What a sender names is believed in nothing:
// it lies, by name, below one of the folders that the operator named, no part
// of the way is "..", and no link is followed. Not thread-safe.
class SourceFile {
 public:
  // Fills in `why` and returns nothing if `path` may not be read, is no file,
  // or has more than `max_bytes`.
  static std::unique_ptr<SourceFile> Open(
      std::string_view path, const std::vector<std::string>& directories,
      uint64_t max_bytes, std::string* why);

  mode_t mode() const { return mode_; }  // Of permission.

  // Reads on, up to `bytes`; nothing is the end. Returns errno, or 0: EFBIG if
  // it has grown to more than `max_bytes` meanwhile.
  int Read(size_t bytes, std::string* to);

 private:
  SourceFile(CopyFd file, mode_t mode, uint64_t max_bytes)
      : file_(std::move(file)), mode_(mode), left_(max_bytes) {}

  const CopyFd file_;
  const mode_t mode_;
  uint64_t left_;  // So much may still be read.
};

// A file that a copy is written to, under another name, ".weir-copy-WORD",
// until it is whole: then it takes the place of what is there. Lies below one
// folder, as SourceFile does; folders on the way are made. Gone, if it does not
// come to its end, with the object. Not thread-safe.
class TargetFile {
 public:
  struct Place {
    std::string_view directory;  // Absolute and in `root`, or relative to it.
    std::string_view name;
    mode_t folder_mode = 0755;
  };

  // `root` is absolute and there; `word` is of [A-Za-z0-9_-] and no other's.
  static std::unique_ptr<TargetFile> Create(const std::string& root,
                                            const Place& place,
                                            std::string_view word,
                                            uint64_t max_bytes,
                                            std::string* why);
  ~TargetFile();

  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;

  // Each returns why not, for people, or nothing.
  std::string Append(std::string_view data);
  // Forces it to the disk and puts it in its place, with the bits of `mode`
  // that are of permission.
  std::string Finish(mode_t mode);

  uint64_t bytes() const { return bytes_; }

 private:
  TargetFile(CopyFd folder, CopyFd file, std::string name,
             std::string temporary, uint64_t max_bytes);

  const CopyFd folder_;
  const CopyFd file_;
  const std::string name_;
  const std::string temporary_;
  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_COPY_COPY_FILES_H_
