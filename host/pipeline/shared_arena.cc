#include "host/pipeline/shared_arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {
namespace {

absl::Status Refused(absl::string_view call) {
  return absl::UnavailableError(
      absl::StrCat("shared arena: ", call, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedArena>> SharedArena::Create(size_t bytes) {
  const size_t size = (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  const int fd = memfd_create("weir-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Refused("memfd_create");
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) {
    const absl::Status status = Refused("ftruncate");
    close(fd);
    return status;
  }
  void* const base =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    const absl::Status status = Refused("mmap");
    close(fd);
    return status;
  }
  std::unique_ptr<SharedArena> arena(
      new SharedArena(fd, static_cast<uint8_t*>(base), size));
  // After the mapping, which stays writable.
  if (fcntl(fd, F_ADD_SEALS,
            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) !=
      0) {
    return Refused("seal");
  }
  return arena;
}

SharedArena::~SharedArena() {
  munmap(base_, size_);
  close(fd_);
}

uint8_t* SharedArena::Take() {
  MutexLock lock(&mu_);
  if (taken_ == size_) return nullptr;
  uint8_t* const block = base_ + taken_;
  taken_ += kBlockBytes;
  return block;
}

}  // namespace weir
