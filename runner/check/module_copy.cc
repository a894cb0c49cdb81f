#include "runner/check/module_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/file_rules.h"
#include "host/plugin/plugin_folder.h"

namespace weir {
namespace {

absl::Status SystemError(const std::string& path) {
  return absl::ErrnoToStatus(errno, path);
}

// A rule's own words, without the path and the check that they begin with.
Verdict FromRule(const absl::Status& status) {
  if (status.ok()) return Pass();
  const absl::string_view text = status.message();
  const size_t check = text.find(": file.");
  const size_t words =
      check == absl::string_view::npos ? check : text.find(": ", check + 2);
  return Fail(std::string(
      words == absl::string_view::npos ? text : text.substr(words + 2)));
}

bool WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

absl::Status CopyAll(int from, int to, const std::string& path) {
  std::vector<char> buffer(1 << 20);
  size_t total = 0;
  while (true) {
    const ssize_t n = read(from, buffer.data(), buffer.size());
    if (n == 0) return absl::OkStatus();
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path);
    total += static_cast<size_t>(n);
    if (total > kMaxModuleBytes) return absl::OkStatus();  // It grows.
    if (!WriteAll(to, {buffer.data(), static_cast<size_t>(n)})) {
      return SystemError("a copy in memory");
    }
  }
}

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

FileDescriptor NewMemory(const char* name) {
  return FileDescriptor(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

void Seal(const FileDescriptor& memory) {
  fcntl(memory.get(), F_ADD_SEALS,
        F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

}  // namespace

absl::StatusOr<FileDescriptor> MemoryFile(const char* name,
                                          absl::string_view bytes) {
  FileDescriptor memory = NewMemory(name);
  if (!memory.ok() || !WriteAll(memory.get(), bytes)) {
    return SystemError(name);
  }
  Seal(memory);
  return memory;
}

absl::StatusOr<ModuleCopy> ModuleCopy::Read(const std::string& path,
                                            absl::string_view name) {
  // First without opening it: that alone can do things to a device.
  struct stat before;
  if (stat(path.c_str(), &before) != 0) return SystemError(path);
  ModuleCopy copy;
  const absl::Status type = CheckModuleType(before, path);
  const bool is_file = S_ISREG(before.st_mode);
  copy.verdicts["file.type"] = is_file ? Pass() : FromRule(type);
  if (!is_file) return copy;
  copy.verdicts["file.size"] = FromRule(type);
  if (type.ok() && before.st_size == 0) {
    copy.verdicts["file.size"] = Fail("the file is empty; copy it again");
  }
  copy.verdicts["file.mode"] =
      FromRule(CheckOwner(before, path, {before.st_uid}));
  copy.verdicts["file.name"] =
      PluginIdOf(name).empty()
          ? Warn(absl::StrCat(
                name,
                " is no name that the host looks at in a plugin folder; call "
                "it [a-z0-9][a-z0-9_-]*.so"))
          : Pass();
  if (copy.verdicts["file.size"].level == CheckLevel::kFail) return copy;

  // O_NONBLOCK: should it be a pipe by now, it would wait for its writer.
  const FileDescriptor file(
      open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok()) return SystemError(path);
  FileDescriptor memory = NewMemory("module");
  if (!memory.ok()) return SystemError("a copy in memory");
  const absl::Status copied = CopyAll(file.get(), memory.get(), path);
  if (!copied.ok()) return copied;
  struct stat after;
  copy.verdicts["file.stable"] =
      fstat(file.get(), &after) == 0 && IsSame(before, after)
          ? Pass()
          : Fail("changed while it was read; wait until it is whole");
  Seal(memory);
  copy.file = std::move(memory);
  return copy;
}

}  // namespace weir
