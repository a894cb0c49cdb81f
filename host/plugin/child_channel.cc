#include "host/plugin/child_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {
namespace {

absl::Status Refused(absl::string_view call) {
  return absl::UnavailableError(
      absl::StrCat("channel: ", call, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<ChildChannelMemory> ChildChannelMemory::Create() {
  const int fd = memfd_create("weir-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Refused("memfd_create");
  if (ftruncate(fd, sizeof(ChildChannel)) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const absl::Status status = Refused("size and seal");
    close(fd);
    return status;
  }
  absl::StatusOr<ChildChannelMemory> memory = Map(fd);
  if (memory.ok()) {
    memory->fd_ = fd;
  } else {
    close(fd);
  }
  return memory;
}

absl::StatusOr<ChildChannelMemory> ChildChannelMemory::Map(int fd) {
  void* const at = mmap(nullptr, sizeof(ChildChannel), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return Refused("mmap");
  return ChildChannelMemory(-1, static_cast<ChildChannel*>(at));
}

ChildChannelMemory::ChildChannelMemory(ChildChannelMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      channel_(std::exchange(other.channel_, nullptr)) {}

ChildChannelMemory::~ChildChannelMemory() {
  if (channel_ != nullptr) munmap(channel_, sizeof(ChildChannel));
  if (fd_ >= 0) close(fd_);
}

void FutexWait(const std::atomic<uint32_t>& word, uint32_t old,
               absl::Duration timeout) {
  // An hour at most; the caller waits in a loop.
  const timespec limit = absl::ToTimespec(
      std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1)));
  syscall(SYS_futex, &word, FUTEX_WAIT, old, &limit, nullptr, 0);
}

void FutexWakeAll(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace weir
