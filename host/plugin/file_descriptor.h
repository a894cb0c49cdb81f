#ifndef WEIR_HOST_PLUGIN_FILE_DESCRIPTOR_H_
#define WEIR_HOST_PLUGIN_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace weir {

// An open file, closed when this goes. Movable. -1: none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }

  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FILE_DESCRIPTOR_H_
