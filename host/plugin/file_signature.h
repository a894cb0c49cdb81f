#ifndef WEIR_HOST_PLUGIN_FILE_SIGNATURE_H_
#define WEIR_HOST_PLUGIN_FILE_SIGNATURE_H_

#include <sys/stat.h>

#include <cstdint>

namespace weir {

// What tells one version of a file from another without reading it. Equal
// signatures: the same bytes, as far as the file system can say. Different
// ones: look again; a touch alone changes one, too.
//
// The inode change time is in it because the time of modification can be set at
// will: an archive unpacked with its times, or "touch -d 1970-01-01", would
// hide a change. Times are only ever compared for being equal. Two writes
// within one tick of the file system's clock, some milliseconds, may look the
// same; so read the bytes later than the signature, never before. A value.
struct FileSignature {
  uint64_t device = 0;
  uint64_t inode = 0;  // 0: there is no file.
  int64_t size = 0;    // Bytes.
  int64_t modify_ns = 0;
  int64_t change_ns = 0;

  friend bool operator==(const FileSignature&, const FileSignature&) = default;
};

// The signature of what `status` was asked about.
inline FileSignature SignatureOf(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modify_ns = nanoseconds(status.st_mtim),
          .change_ns = nanoseconds(status.st_ctim)};
}

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FILE_SIGNATURE_H_
