#ifndef WEIR_HOST_PLUGIN_FOLDER_WATCH_H_
#define WEIR_HOST_PLUGIN_FOLDER_WATCH_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "host/plugin/folder_events.h"
#include "host/plugin/plugin_folder.h"
#include "host/sync/clock.h"

namespace weir {

// Where to look, and when. A value.
struct FolderWatchOptions {
  std::vector<std::string> folders;
  std::vector<uid_t> owners;  // As for ReadPluginFolders.
  // Looks so often beside the events, for what they do not tell: a network file
  // system, an overflow, a folder that is made later.
  absl::Duration scan_interval = absl::Seconds(5);
  // A file that is being copied rests for less than this, and a person who
  // waits for a plugin to start hardly notices it.
  absl::Duration quiet = absl::Milliseconds(300);
  // What never rests is told after this.
  absl::Duration patience = absl::Seconds(2);
};

// Watches the plugin folders and tells what is in them whenever that differs
// from what it told last. It waits first until the folders rest: until nothing
// happened for `quiet`, and two looks that far apart saw the same; at most
// `patience`. Tells all of the contents, never a difference; see PlanFolder.
//
// Start and Stop belong to one thread.
class FolderWatch {
 public:
  // Takes the contents. Returns false if some of it has to be looked at again,
  // such as a file that was still being written (see ModuleStore::Add): then it
  // is told once more after `scan_interval`, or earlier if it changes. Called
  // from the watch's own thread; must not call Stop.
  using Receiver = std::function<bool(const PluginFolderContents&)>;

  // `clock` must outlive the watch.
  FolderWatch(FolderWatchOptions options, std::unique_ptr<FolderEvents> events,
              const Clock& clock, Receiver receiver);

  // Calls Stop.
  ~FolderWatch();

  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Starts to watch. `known` is what the receiver has taken already; what
  // changed since then is told. Called once.
  void Start(PluginFolderContents known);

  // Ends the watch, at once unless the receiver is running. Nothing is told
  // after it returns. Safe to call twice, and without Start.
  void Stop();

 private:
  void Run();
  // What is in the folders when they rest; nullopt if woken. `happened`: an
  // event said that something did.
  std::optional<PluginFolderContents> Settle(bool happened);
  PluginFolderContents Read() const;

  const FolderWatchOptions options_;
  const std::unique_ptr<FolderEvents> events_;
  const Clock& clock_;
  const Receiver receiver_;

  PluginFolderContents told_;  // The thread's alone while that runs.
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FOLDER_WATCH_H_
