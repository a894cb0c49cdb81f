#include "host/plugin/private_copy.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {

namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

absl::Status FileError(int error, absl::string_view file,
                       absl::string_view check, absl::string_view cure) {
  return absl::ErrnoToStatus(
      error, absl::StrCat(file, ": ", check, ": cannot be read; ", cure));
}

absl::Status CheckType(const struct stat& status, absl::string_view file) {
  const absl::string_view is = S_ISDIR(status.st_mode)    ? "a directory"
                               : S_ISFIFO(status.st_mode) ? "a pipe"
                               : S_ISREG(status.st_mode)  ? ""
                                                         : "a device or socket";
  if (!is.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, ": file.type: ", is, "; a plugin is a regular file"));
  }
  if (static_cast<size_t>(status.st_size) > PrivateCopy::kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": file.size: ", status.st_size,
                     " bytes; the limit is ", PrivateCopy::kMaxBytes));
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, const char* data, size_t length,
                      const std::string& to) {
  while (length > 0) {
    const ssize_t written = write(fd, data, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return absl::UnavailableError(
          absl::StrCat("writing ", to, ": ", std::strerror(errno)));
    }
    data += written;
    length -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PrivateCopy> CopyPrivately(const std::string& from,
                                          const std::string& to) {
  // O_NONBLOCK: a pipe would wait for its writer.
  const FileDescriptor in(
      open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (in.get() < 0) {
    return FileError(errno, from, "file.open",
                     "make it a file that the host's user may read");
  }
  struct stat status;
  if (fstat(in.get(), &status) != 0) {
    return FileError(errno, from, "file.open", "copy it again");
  }
  if (const absl::Status type = CheckType(status, from); !type.ok()) {
    return type;
  }

  unlink(to.c_str());
  const FileDescriptor out(
      open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
  if (out.get() < 0) {
    return absl::UnavailableError(absl::StrCat(
        "writing ", to, ": ", std::strerror(errno),
        "; the host keeps its copies of plugins there, so make it writable"));
  }
  PrivateCopy copy = {.path = to};
  const Digest digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t got = read(in.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, from, "file.read", "copy it again");
    if (got == 0) break;
    const auto length = static_cast<size_t>(got);
    if (copy.bytes.size() + length > PrivateCopy::kMaxBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          from,
          ": file.size: grows while it is read; copy it elsewhere and "
          "rename it into the folder"));
    }
    EVP_DigestUpdate(digest.get(), buffer.data(), length);
    copy.bytes.append(buffer.data(), length);
    absl::Status written = WriteAll(out.get(), buffer.data(), length, to);
    if (!written.ok()) return written;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int hash_length = 0;
  EVP_DigestFinal_ex(digest.get(), hash.data(), &hash_length);
  copy.sha256 = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(hash.data()), hash_length));
  return copy;
}

}  // namespace weir
