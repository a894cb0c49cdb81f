#include "plugins/steward_fetch/file_tail.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <utility>

namespace weir {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery(100);

bool IsSameFile(const OpenFile& a, const OpenFile& b) {
  struct stat of_a = {};
  struct stat of_b = {};
  return fstat(a.fd(), &of_a) == 0 && fstat(b.fd(), &of_b) == 0 &&
         of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

int64_t SizeOf(const OpenFile& file) {
  struct stat info = {};
  return fstat(file.fd(), &info) == 0 ? info.st_size : 0;
}

class Tail {
 public:
  Tail(OpenFile file, const TailLimits& limits,
       const std::function<bool(std::string_view)>& on_line)
      : limits_(limits),
        on_line_(on_line),
        file_(std::move(file)),
        at_(SizeOf(file_)) {}

  bool over() {
    over_ =
        over_ || steady_clock::now() >= limits_.end || limits_.should_stop();
    return over_;
  }

  // Takes what there is.
  void Read() {
    std::array<char, 65536> bytes;
    while (!over()) {
      const ssize_t size = pread(file_.fd(), bytes.data(), bytes.size(), at_);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      at_ += size;
      Take({bytes.data(), static_cast<size_t>(size)});
    }
  }

  // Begins anew where the file was cut, or another is in its place.
  void LookForAnother(const FileList& files, std::string_view path) {
    if (SizeOf(file_) < at_) {
      Flush();
      at_ = 0;
    }
    OpenFile now;
    if (!files.Open(path, &now).empty() || IsSameFile(file_, now)) return;
    Read();  // What was written until it was moved.
    Flush();
    file_ = std::move(now);
    at_ = 0;
  }

  const OpenFile& file() const { return file_; }
  int64_t at() const { return at_; }

 private:
  void Take(std::string_view text) {
    while (!text.empty() && !over()) {
      const size_t end = text.find('\n');
      const size_t size =
          std::min(end == std::string_view::npos ? text.size() : end + 1,
                   limits_.max_line_bytes - line_.size());
      line_ += text.substr(0, size);
      text.remove_prefix(size);
      if (line_.back() == '\n' || line_.size() == limits_.max_line_bytes) {
        Flush();
      }
    }
  }

  void Flush() {
    if (!line_.empty() && !over_) over_ = !on_line_(line_);
    line_.clear();
  }

  const TailLimits& limits_;
  const std::function<bool(std::string_view)>& on_line_;
  OpenFile file_;
  int64_t at_;
  std::string line_;  // The begin of one.
  bool over_ = false;
};

}  // namespace

std::string FollowFile(const FileList& files, std::string_view path,
                       const TailLimits& limits,
                       const std::function<bool(std::string_view)>& on_line) {
  OpenFile file;
  if (std::string fault = files.Open(path, &file); !fault.empty()) {
    return fault;
  }
  Tail tail(std::move(file), limits, on_line);
  while (!tail.over()) {
    tail.Read();
    tail.LookForAnother(files, path);
    if (SizeOf(tail.file()) > tail.at()) continue;
    const auto left = limits.end - steady_clock::now();
    if (!tail.over()) {
      std::this_thread::sleep_for(
          std::min<steady_clock::duration>(left, kLookEvery));
    }
  }
  return "";
}

}  // namespace weir
