#include "host/plugin/module_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/file_descriptor.h"
#include "host/plugin/file_rules.h"
#include "host/plugin/file_signature.h"
#include "host/plugin/module_file.h"
#include "host/plugin/sha256.h"
#include "host/status/annotate.h"

namespace weir {

namespace {

namespace fs = std::filesystem;

// What can be hashed and written while it is in the cache.
constexpr size_t kPieceBytes = 64 * 1024;

bool IsDigest(absl::string_view name) {
  return name.size() == 64 && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

std::string NameIn(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Names in `directory`; none if it cannot be read.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  return names;
}

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return StoreError(errno, path);
  }
  return absl::OkStatus();
}

// Gives `take` the bytes of `fd` from where it stands, up to kMaxModuleBytes.
// `path` is for errors.
absl::Status ReadAll(int fd, absl::string_view path,
                     absl::FunctionRef<absl::Status(absl::string_view)> take) {
  std::array<char, kPieceBytes> buffer;
  size_t total = 0;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat(path, ": file.read: copy it again"));
    }
    if (got == 0) return absl::OkStatus();
    total += static_cast<size_t>(got);
    if (total > kMaxModuleBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": file.size: more than ", kMaxModuleBytes,
                       " bytes, and growing"));
    }
    absl::Status taken = take({buffer.data(), static_cast<size_t>(got)});
    if (!taken.ok()) return taken;
  }
}

// Of the file at `path`; empty if it cannot be read.
std::string DigestOfFile(const std::string& path) {
  const FileDescriptor file(
      open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  Sha256 digest;
  const absl::Status read = file.ok() ? ReadAll(file.get(), path,
                                                [&](absl::string_view piece) {
                                                  digest.Add(piece);
                                                  return absl::OkStatus();
                                                })
                                      : absl::NotFoundError("");
  return read.ok() ? digest.Hex() : "";
}

}  // namespace

ModuleStore::ModuleStore(const std::string& state_dir)
    : store_dir_(state_dir + "/store"), run_dir_(state_dir + "/run") {}

absl::StatusOr<std::unique_ptr<ModuleStore>> ModuleStore::Open(
    const std::string& state_dir) {
  std::unique_ptr<ModuleStore> store(new ModuleStore(state_dir));
  for (const std::string* directory : {&store->store_dir_, &store->run_dir_}) {
    absl::Status made = MakeDirectory(*directory);
    if (!made.ok()) return made;
    // Says now what the first plugin would say, where it is the host's trouble.
    const absl::StatusOr<NewFile> writable = NewFile::Create(*directory);
    if (!writable.ok()) return writable.status();
    for (const std::string& name : NamesIn(*directory)) {
      if (absl::StartsWith(name, NewFile::kPrefix) ||
          absl::EndsWith(name, ".so")) {
        unlink(absl::StrCat(*directory, "/", name).c_str());
      } else if (IsDigest(name)) {
        // Goes if the host ended before its file was there.
        rmdir(absl::StrCat(*directory, "/", name).c_str());
      }
    }
  }
  return store;
}

absl::StatusOr<StoredModule> ModuleStore::Add(const std::string& path,
                                              absl::Span<const uid_t> owners) {
  const absl::StatusOr<FileDescriptor> from = OpenModuleFile(path, owners);
  if (!from.ok()) return from.status();
  absl::StatusOr<NewFile> copy = NewFile::Create(store_dir_);
  if (!copy.ok()) return Annotate(copy.status(), path);

  struct stat before = {}, after = {};
  fstat(from->get(), &before);
  Sha256 digest;
  int64_t size = 0;
  absl::Status copied =
      ReadAll(from->get(), path, [&](absl::string_view piece) {
        digest.Add(piece);
        size += static_cast<int64_t>(piece.size());
        absl::Status written = copy->Write(piece);
        return written.ok() ? written : Annotate(written, path);
      });
  if (!copied.ok()) return copied;
  fstat(from->get(), &after);
  if (SignatureOf(before) != SignatureOf(after) || size != after.st_size) {
    return absl::AbortedError(absl::StrCat(
        path,
        ": file.changing: still being written; copy it elsewhere and rename "
        "it into the folder, and it is never seen half"));
  }
  return Publish(*std::move(copy), path, digest.Hex());
}

std::string ModuleStore::FileOf(absl::string_view sha256, bool repair) const {
  const std::string directory = absl::StrCat(store_dir_, "/", sha256);
  for (const std::string& name : NamesIn(directory)) {
    std::string file = absl::StrCat(directory, "/", name);
    if (DigestOfFile(file) == sha256) return file;
    if (repair) unlink(file.c_str());
  }
  return "";
}

absl::StatusOr<StoredModule> ModuleStore::Publish(NewFile copy,
                                                  const std::string& path,
                                                  std::string sha256) {
  MutexLock lock(&mu_);
  std::string file = FileOf(sha256, /*repair=*/true);
  if (file.empty()) {
    const std::string directory = absl::StrCat(store_dir_, "/", sha256);
    file = absl::StrCat(directory, "/", NameIn(path));
    absl::Status done = MakeDirectory(directory);
    if (done.ok()) done = copy.Link(file, 0444, /*durable=*/true);
    if (done.ok()) done = SyncDirectory(store_dir_);
    if (!done.ok()) {
      unlink(file.c_str());
      rmdir(directory.c_str());
      return Annotate(done, path);
    }
  }
  return StoredModule{
      .origin = path, .sha256 = std::move(sha256), .path = std::move(file)};
}

absl::StatusOr<StoredModule> ModuleStore::Find(absl::string_view sha256) const {
  // What is no digest could be a path that leads elsewhere.
  std::string file;
  if (IsDigest(sha256)) {
    MutexLock lock(&mu_);
    file = FileOf(sha256, /*repair=*/false);
  }
  if (file.empty()) {
    return absl::NotFoundError(
        absl::StrCat("store.find: ", sha256, ": no such digest in ", store_dir_,
                     "; put the file into a plugin folder again"));
  }
  return StoredModule{
      .origin = file, .sha256 = std::string(sha256), .path = file};
}

absl::StatusOr<std::string> ModuleStore::MakeRunCopy(
    const StoredModule& module, absl::string_view slot,
    uint64_t generation) const {
  const FileDescriptor from(
      open(module.path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!from.ok()) {
    return absl::NotFoundError(absl::StrCat(
        module.origin, ": store.read: ", module.path,
        ": the stored copy is gone; put the file into its folder again"));
  }
  absl::StatusOr<NewFile> copy = NewFile::Create(run_dir_);
  if (!copy.ok()) return Annotate(copy.status(), module.origin);
  if (!copy->CloneFrom(from.get())) {
    const absl::Status copied =
        ReadAll(from.get(), module.path,
                [&](absl::string_view piece) { return copy->Write(piece); });
    if (!copied.ok()) return Annotate(copied, module.origin);
  }
  std::string path = absl::StrCat(run_dir_, "/", slot, ".", generation, ".so");
  unlink(path.c_str());
  const absl::Status linked = copy->Link(path, 0500, /*durable=*/false);
  if (!linked.ok()) return Annotate(linked, module.origin);
  return path;
}

absl::Status ModuleStore::Keep(const std::set<std::string>& sha256) {
  MutexLock lock(&mu_);
  absl::Status result;
  for (const std::string& name : NamesIn(store_dir_)) {
    if (!IsDigest(name) || sha256.contains(name)) continue;
    const std::string directory = absl::StrCat(store_dir_, "/", name);
    std::error_code error;
    fs::remove_all(directory, error);
    if (error && result.ok()) result = StoreError(error.value(), directory);
  }
  return result;
}

}  // namespace weir
