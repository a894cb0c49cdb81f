#include "host/source/recording_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// A file descriptor, and how far it was read.
class RawFile {
 public:
  RawFile(int fd, std::string path) : path_(std::move(path)), fd_(fd) {}
  RawFile(RawFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  ~RawFile() {
    if (fd_ >= 0) close(fd_);
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    const ssize_t got = TEMP_FAILURE_RETRY(read(fd_, buffer, size));
    if (got < 0) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("reading ", path_, " at byte ", offset_));
    }
    offset_ += static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
  }

  // `unread` bytes of what was read last were not used.
  absl::Status Damaged(absl::string_view what, size_t unread) const {
    return absl::DataLossError(
        absl::StrCat(path_, " is ", what, " at byte ", offset_ - unread,
                     "; record it again, or cut it there"));
  }

 private:
  std::string path_;
  int fd_;
  uint64_t offset_ = 0;
};

class PlainRecording final : public RecordingFile {
 public:
  explicit PlainRecording(RawFile file) : file_(std::move(file)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    return file_.Read(buffer, size);
  }

 private:
  RawFile file_;
};

class ZstdRecording final : public RecordingFile {
 public:
  explicit ZstdRecording(RawFile file)
      : file_(std::move(file)),
        stream_(ZSTD_createDStream(), &ZSTD_freeDStream),
        packed_(ZSTD_DStreamInSize()) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ZSTD_outBuffer out = {buffer, size, 0};
    while (out.pos == 0) {
      // What is unpacked but did not fit before comes without further input.
      if (in_.pos == in_.size && !more_inside_) {
        const absl::StatusOr<size_t> got =
            file_.Read(packed_.data(), packed_.size());
        if (!got.ok()) return got.status();
        if (*got == 0) {
          if (inside_frame_) return file_.Damaged("cut short", 0);
          return 0;
        }
        in_ = {packed_.data(), *got, 0};
      }
      const size_t left = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(left) != 0) {
        return file_.Damaged(
            absl::StrCat("damaged (", ZSTD_getErrorName(left), ")"),
            in_.size - in_.pos);
      }
      inside_frame_ = left != 0;
      more_inside_ = out.pos == out.size;
    }
    return out.pos;
  }

 private:
  RawFile file_;
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  std::vector<char> packed_;
  ZSTD_inBuffer in_ = {nullptr, 0, 0};
  bool inside_frame_ = false;
  bool more_inside_ = false;
};

class GzipRecording final : public RecordingFile {
 public:
  explicit GzipRecording(RawFile file)
      : file_(std::move(file)), packed_(size_t{64} << 10) {
    inflateInit2(&stream_, 16 + MAX_WBITS);  // 16: with gzip's own header.
  }
  ~GzipRecording() override { inflateEnd(&stream_); }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0) {
        const absl::StatusOr<size_t> got =
            file_.Read(packed_.data(), packed_.size());
        if (!got.ok()) return got.status();
        if (*got == 0) {
          if (inside_member_) return file_.Damaged("cut short", 0);
          return 0;
        }
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(*got);
      }
      inside_member_ = true;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        inside_member_ = false;
        inflateReset(&stream_);  // Another member may follow.
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return file_.Damaged(
            absl::StrCat("damaged (",
                         stream_.msg != nullptr ? stream_.msg : zError(code),
                         ")"),
            stream_.avail_in);
      }
    }
    return size - stream_.avail_out;
  }

 private:
  RawFile file_;
  std::vector<char> packed_;
  z_stream stream_ = {};
  bool inside_member_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordingFile>> RecordingFile::Open(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path));
  }
  RawFile file(fd, path);
  if (absl::EndsWith(path, ".zst")) {
    return std::make_unique<ZstdRecording>(std::move(file));
  }
  if (absl::EndsWith(path, ".gz")) {
    return std::make_unique<GzipRecording>(std::move(file));
  }
  return std::make_unique<PlainRecording>(std::move(file));
}

}  // namespace weir
