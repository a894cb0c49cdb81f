#include "tests/support/unsynced_disk.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir {
namespace {

// What a disk writes whole or not at all.
constexpr uint64_t kSectorBytes = 512;

}  // namespace

void UnsyncedDisk::Apply(const Change& change, std::string* content) {
  if (change.truncates) {
    content->resize(change.at);
    return;
  }
  const uint64_t end = change.at + change.bytes.size();
  if (content->size() < end) content->resize(end);
  content->replace(change.at, change.bytes.size(), change.bytes);
}

void UnsyncedDisk::ApplySome(const Change& change, std::mt19937_64& random,
                             std::string* content) {
  if (change.truncates) {
    if (random() % 2 == 0) Apply(change, content);
    return;
  }
  uint64_t done = 0;
  while (done < change.bytes.size()) {
    const uint64_t at = change.at + done;
    const uint64_t size =
        std::min(kSectorBytes - at % kSectorBytes, change.bytes.size() - done);
    if (random() % 2 == 0) {
      Apply({0, false, at, change.bytes.substr(done, size)}, content);
    }
    done += size;
  }
}

void UnsyncedDisk::WriteImage(const std::string& from, const std::string& to,
                              Loss loss, uint64_t seed) const {
  std::mt19937_64 random(seed);
  MutexLock lock(&mu_);
  uint64_t first = n_changes_;  // That is not synced.
  for (const auto& [path, file] : files_) {
    if (!file.changes.empty()) {
      first = std::min(first, file.changes.front().number);
    }
  }
  const uint64_t moment = first + random() % (n_changes_ - first + 1);
  for (const auto& [path, file] : files_) {
    const std::filesystem::path name(path);
    if (name.parent_path() != from) continue;
    std::string content = file.synced;
    for (const Change& change : file.changes) {
      if (loss == Loss::kSome) {
        ApplySome(change, random, &content);
      } else if (loss == Loss::kNewest && change.number < moment) {
        Apply(change, &content);
      }
    }
    std::ofstream out(std::filesystem::path(to) / name.filename(),
                      std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!out.flush()) std::abort();
  }
}

void UnsyncedDisk::OnCopied(const std::string& from, const std::string& to) {
  MutexLock lock(&mu_);
  std::map<std::string, File> copies;
  for (const auto& [path, file] : files_) {
    const std::filesystem::path name(path);
    if (name.parent_path() != from) continue;
    copies[std::filesystem::path(to) / name.filename()] = file;
  }
  files_.merge(copies);
}

void UnsyncedDisk::OnOpened(const std::string& path) {
  MutexLock lock(&mu_);
  if (files_.count(path) > 0) return;
  std::ifstream in(path, std::ios::binary);
  files_[path].synced.assign(std::istreambuf_iterator<char>(in), {});
}

void UnsyncedDisk::OnWritten(const std::string& path, absl::string_view bytes,
                             uint64_t at) {
  MutexLock lock(&mu_);
  files_[path].changes.push_back({n_changes_++, false, at, std::string(bytes)});
}

void UnsyncedDisk::OnTruncated(const std::string& path, uint64_t size) {
  MutexLock lock(&mu_);
  files_[path].changes.push_back({n_changes_++, true, size, ""});
}

void UnsyncedDisk::OnSynced(const std::string& path) {
  MutexLock lock(&mu_);
  File& file = files_[path];
  for (const Change& change : file.changes) Apply(change, &file.synced);
  file.changes.clear();
}

void UnsyncedDisk::OnDeleted(const std::string& path) {
  MutexLock lock(&mu_);
  files_.erase(path);
}

}  // namespace weir
