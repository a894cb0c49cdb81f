#ifndef WEIR_HOST_PLUGIN_INOTIFY_FOLDER_EVENTS_H_
#define WEIR_HOST_PLUGIN_INOTIFY_FOLDER_EVENTS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/plugin/file_descriptor.h"
#include "host/plugin/folder_events.h"

namespace weir {

// Waits by inotify. Watches the folders themselves, not what is below them: the
// links of a ConfigMap are renamed in the folder.
//
// A folder that is not there, was removed and made again, or is a link that
// leads elsewhere now, is watched from the next Wait on, which says kHappened.
// If the system gives no watches (limits fs.inotify.max_user_instances and
// max_user_watches), that is said once, and every Wait ends by its timeout.
class InotifyFolderEvents final : public FolderEvents {
 public:
  using WriteNotice = std::function<void(absl::string_view text)>;

  // The folders that are there are watched when this returns. `write_notice`
  // is called from here and from Wait. Returns Unavailable if the process has
  // no descriptor left even to be woken by.
  static absl::StatusOr<std::unique_ptr<InotifyFolderEvents>> Create(
      std::vector<std::string> folders, WriteNotice write_notice);

  InotifyFolderEvents(const InotifyFolderEvents&) = delete;
  InotifyFolderEvents& operator=(const InotifyFolderEvents&) = delete;

  Result Wait(absl::Duration timeout) override;
  void Wake() override;

 private:
  struct Folder {
    std::string path;
    int watch = -1;  // -1: not watched.
  };

  InotifyFolderEvents(std::vector<std::string> folders,
                      WriteNotice write_notice, FileDescriptor wake);

  // Watches what each path leads to now. Returns whether one is another than
  // before.
  bool WatchAll();
  void SayOnce(absl::string_view what, int error);

  const WriteNotice write_notice_;
  std::vector<Folder> folders_;
  const FileDescriptor wake_;  // Readable for good once woken.
  FileDescriptor inotify_;     // None: the system gives none.
  bool said_ = false;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INOTIFY_FOLDER_EVENTS_H_
