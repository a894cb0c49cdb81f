#include "host/plugin/inotify_folder_events.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

namespace {

// IN_CREATE is for links, which nobody closes after writing; IN_ATTRIB for a
// file that may be loaded since its mode or owner changed. An overflow of the
// queue needs no flag: it comes as an event, too.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO |
                             IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Throws away what is waiting in `fd`: what happened is not asked, only
// whether something did.
void Drain(int fd) {
  std::array<char, 64 * 1024> buffer;
  while (read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<InotifyFolderEvents>>
InotifyFolderEvents::Create(std::vector<std::string> folders,
                            WriteNotice write_notice) {
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.ok()) {
    return absl::UnavailableError(
        absl::StrCat("plugin folders: eventfd: ", std::strerror(errno),
                     "; raise the limit of open files"));
  }
  return std::unique_ptr<InotifyFolderEvents>(new InotifyFolderEvents(
      std::move(folders), std::move(write_notice), std::move(wake)));
}

InotifyFolderEvents::InotifyFolderEvents(std::vector<std::string> folders,
                                         WriteNotice write_notice,
                                         FileDescriptor wake)
    : write_notice_(std::move(write_notice)),
      wake_(std::move(wake)),
      inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_.ok()) SayOnce("inotify", errno);
  for (std::string& path : folders) folders_.push_back({std::move(path)});
  WatchAll();
}

bool InotifyFolderEvents::WatchAll() {
  if (!inotify_.ok()) return false;
  bool changed = false;
  for (Folder& folder : folders_) {
    // The same directory has the same number again, and another one another.
    const int watch =
        inotify_add_watch(inotify_.get(), folder.path.c_str(), kEvents);
    if (watch < 0 && errno != ENOENT && errno != ENOTDIR) {
      SayOnce(folder.path, errno);
    }
    if (watch == folder.watch) continue;
    inotify_rm_watch(inotify_.get(), folder.watch);
    folder.watch = watch;
    changed = true;
  }
  return changed;
}

FolderEvents::Result InotifyFolderEvents::Wait(absl::Duration timeout) {
  const bool changed = WatchAll();
  std::array<pollfd, 2> polled = {pollfd{wake_.get(), POLLIN, 0},
                                  pollfd{inotify_.get(), POLLIN, 0}};
  // An hour at most, as for every wait; rounded up, or it would spin at the
  // end.
  const int64_t limit = absl::ToInt64Milliseconds(
      absl::Ceil(std::min(timeout, absl::Hours(1)), absl::Milliseconds(1)));
  const int ready =
      poll(polled.data(), polled.size(), changed ? 0 : static_cast<int>(limit));
  if ((polled[0].revents & POLLIN) != 0) return Result::kWoken;
  if (ready > 0) Drain(inotify_.get());
  // Interrupted counts as something: to look once too often does no harm.
  return ready != 0 || changed ? Result::kHappened : Result::kTimeout;
}

void InotifyFolderEvents::Wake() {
  const uint64_t one = 1;
  // It cannot fail: the count is far from full, and was readable if it were.
  [[maybe_unused]] const ssize_t written =
      write(wake_.get(), &one, sizeof(one));
}

void InotifyFolderEvents::SayOnce(absl::string_view what, int error) {
  if (std::exchange(said_, true)) return;
  write_notice_(absl::StrCat(
      "plugin folders: cannot watch ", what, ": ", std::strerror(error),
      "; changes are found by plugins.scan_interval alone; raise "
      "fs.inotify.max_user_instances or fs.inotify.max_user_watches"));
}

}  // namespace weir
