#include "plugins/recorder/recording_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>

namespace weir {
namespace {

constexpr std::string_view kEnding = ".jsonl.zst";
// What a name has between prefix and ending; 'd' is a digit.
constexpr std::string_view kStampForm = "-ddddddddTdddddd.dddddddddZ";
constexpr int64_t kNsPerSecond = 1'000'000'000;

std::string FormatTime(const char* format, int64_t unix_ns) {
  time_t seconds = unix_ns / kNsPerSecond;
  int64_t ns = unix_ns % kNsPerSecond;
  if (ns < 0) {
    ns += kNsPerSecond;
    --seconds;
  }
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text;
  size_t size = std::strftime(text.data(), text.size(), format, &utc);
  size += static_cast<size_t>(std::snprintf(
      text.data() + size, text.size() - size, ".%09dZ", static_cast<int>(ns)));
  return {text.data(), size};
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string Fault(const std::string& path, int error) {
  return path + ": " + std::generic_category().message(error);
}

struct Frames {
  uint64_t packed = 0;
  uint64_t bytes = 0;
};

// How far whole frames reach into a file, and what they unpack to.
Frames WholeFrames(std::string_view file) {
  Frames frames;
  while (!file.empty()) {
    const size_t size = ZSTD_findFrameCompressedSize(file.data(), file.size());
    if (ZSTD_isError(size) != 0) break;
    frames.bytes += ZSTD_getFrameContentSize(file.data(), file.size());
    frames.packed += size;
    file.remove_prefix(size);
  }
  return frames;
}

// Leaves out the index's lines from `packed` bytes on.
void CutIndex(const std::string& path, uint64_t packed) {
  std::ifstream in(path);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    std::istringstream numbers(line);
    uint64_t received = 0;
    uint64_t before = 0;
    uint64_t packed_before = 0;
    if (!(numbers >> received >> before >> packed_before)) break;
    if (packed_before >= packed) break;
    kept += line + '\n';
  }
  in.close();
  std::ofstream(path, std::ios::trunc) << kept;
}

}  // namespace

std::string UtcText(int64_t unix_ns) {
  return FormatTime("%Y-%m-%dT%H:%M:%S", unix_ns);
}

RecordingFolder::RecordingFolder(std::string directory, std::string prefix)
    : directory_(std::move(directory)), prefix_(std::move(prefix)) {}

std::string RecordingFolder::NewPath(int64_t unix_ns) {
  if (unix_ns <= last_ns_) unix_ns = last_ns_ + 1;
  for (;; ++unix_ns) {
    std::string path = directory_ + '/' + prefix_ + '-';
    path += FormatTime("%Y%m%dT%H%M%S", unix_ns);
    path += kEnding;
    if (Exists(path) || Exists(path + ".part")) continue;
    last_ns_ = unix_ns;
    return path;
  }
}

bool RecordingFolder::IsOurs(std::string_view name,
                             std::string_view ending) const {
  if (name.size() != prefix_.size() + kStampForm.size() + ending.size() ||
      !name.starts_with(prefix_) || !name.ends_with(ending)) {
    return false;
  }
  name = name.substr(prefix_.size(), kStampForm.size());
  return std::equal(name.begin(), name.end(), kStampForm.begin(),
                    [](char c, char form) {
                      return form == 'd' ? c >= '0' && c <= '9' : c == form;
                    });
}

std::vector<std::string> RecordingFolder::Find(std::string_view ending) const {
  std::vector<std::string> paths;
  // Not std::filesystem::directory_iterator, which ends the process where there
  // is no memory left: it allocates where it may not throw.
  const auto close = [](DIR* folder) { closedir(folder); };
  const std::unique_ptr<DIR, decltype(close)> folder(
      opendir(directory_.c_str()));
  if (folder == nullptr) return paths;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of our own.
  while (const dirent* const entry = readdir(folder.get())) {
    if (IsOurs(entry->d_name, ending)) {
      paths.push_back(directory_ + '/' + entry->d_name);
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<RecordingFolder::Recovered> RecordingFolder::RecoverLeftovers(
    std::vector<std::string>* faults) {
  std::vector<Recovered> recovered;
  for (const std::string& part : Find(std::string(kEnding) + ".part")) {
    const int fd = open(part.c_str(), O_RDWR | O_CLOEXEC);
    struct stat found = {};
    if (fd < 0 || fstat(fd, &found) != 0) {
      faults->push_back(Fault(part, errno));
      if (fd >= 0) close(fd);
      continue;
    }
    const auto size = static_cast<size_t>(found.st_size);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);  // Another instance writes it.
      continue;
    }
    Frames frames;
    if (size > 0) {
      void* const bytes = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
      if (bytes == MAP_FAILED) {
        faults->push_back(Fault(part, errno));
        close(fd);
        continue;
      }
      frames = WholeFrames({static_cast<const char*>(bytes), size});
      munmap(bytes, size);
    }
    const std::string path = part.substr(0, part.size() - 5);
    if (frames.packed == 0) {
      unlink(part.c_str());
      unlink((path + ".idx").c_str());
    } else if (ftruncate(fd, static_cast<off_t>(frames.packed)) != 0 ||
               rename(part.c_str(), path.c_str()) != 0) {
      faults->push_back(Fault(part, errno));
    } else {
      CutIndex(path + ".idx", frames.packed);
      recovered.push_back({path, frames.bytes, size - frames.packed});
    }
    close(fd);
  }
  return recovered;
}

std::string RecordingFolder::RemoveAllBut(size_t keep) {
  const std::vector<std::string> paths = Find(kEnding);
  std::string fault;
  for (size_t i = 0; i + keep < paths.size(); ++i) {
    if (unlink(paths[i].c_str()) != 0) fault = Fault(paths[i], errno);
    unlink((paths[i] + ".idx").c_str());
  }
  return fault.empty() ? "" : "removing " + fault;
}

}  // namespace weir
