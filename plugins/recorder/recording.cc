#include "plugins/recorder/recording.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

namespace weir {
namespace {

// "writing /var/lib/weir/a.jsonl.zst.part: No space left on device"
std::string Fault(std::string_view doing, const std::string& path, int error) {
  return std::string(doing) + ' ' + path + ": " +
         std::generic_category().message(error);
}

// Writes all of `bytes` at `offset`. Returns 0 or errno.
int WriteAt(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = TEMP_FAILURE_RETRY(
        pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)));
    if (written < 0) return errno;
    // A full disk takes a part, and then says why it takes no more.
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

int Create(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

}  // namespace

Recording::Recording(std::string path, int level)
    : path_(std::move(path)),
      part_path_(path_ + ".part"),
      index_path_(path_ + ".idx"),
      packer_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
  if (packer_ == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(packer_.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(packer_.get(), ZSTD_c_checksumFlag, 1);
}

Recording::~Recording() {
  if (part_ >= 0) close(part_);
  if (index_ >= 0) close(index_);
}

std::string Recording::Open() {
  if (access(path_.c_str(), F_OK) == 0) {
    return Fault("creating", path_, EEXIST);
  }
  part_ = Create(part_path_);
  if (part_ < 0) return Fault("creating", part_path_, errno);
  flock(part_, LOCK_EX | LOCK_NB);  // Ours alone: it was not there before.
  index_ = Create(index_path_);
  if (index_ >= 0) return "";
  const std::string fault = Fault("creating", index_path_, errno);
  unlink(part_path_.c_str());
  return fault;
}

std::string Recording::Write(const LineBlock& block) {
  packed_.resize(ZSTD_compressBound(block.text.size()));
  const size_t size =
      ZSTD_compress2(packer_.get(), packed_.data(), packed_.size(),
                     block.text.data(), block.text.size());
  if (ZSTD_isError(size) != 0) {
    return "packing for " + part_path_ + ": " + ZSTD_getErrorName(size);
  }
  // The index first: a line too many points at the end of the file, which is
  // easily seen; a frame without its line would not be found.
  const std::string line = std::to_string(block.first_ns) + ' ' +
                           std::to_string(totals_.bytes) + ' ' +
                           std::to_string(totals_.packed_bytes) + '\n';
  std::string fault;
  if (const int error = WriteAt(index_, line, index_bytes_); error != 0) {
    fault = Fault("writing", index_path_, error);
  } else if (const int error =
                 WriteAt(part_, {packed_.data(), size}, totals_.packed_bytes);
             error != 0) {
    fault = Fault("writing", part_path_, error);
  }
  if (!fault.empty()) {
    // What was written of the frame would end the recording for a reader.
    if (ftruncate(index_, static_cast<off_t>(index_bytes_)) != 0 ||
        ftruncate(part_, static_cast<off_t>(totals_.packed_bytes)) != 0) {
      fault += "; its last frame is cut short";
    }
    return fault;
  }
  index_bytes_ += line.size();
  if (totals_.messages == 0) totals_.first_ns = block.first_ns;
  totals_.last_ns = block.last_ns;
  totals_.messages += block.messages;
  totals_.bytes += block.text.size();
  totals_.packed_bytes += size;
  return "";
}

std::string Recording::Finish() {
  std::string fault;
  // Some file systems find only now that there is no room.
  if (close(std::exchange(index_, -1)) != 0) {
    fault = Fault("closing", index_path_, errno);
  }
  if (totals_.messages == 0) {
    unlink(part_path_.c_str());
    unlink(index_path_.c_str());
  } else if (rename(part_path_.c_str(), path_.c_str()) != 0) {
    fault = Fault("renaming", part_path_, errno);
  }
  if (close(std::exchange(part_, -1)) != 0) {
    fault = Fault("closing", path_, errno);
  }
  return fault;
}

}  // namespace weir
