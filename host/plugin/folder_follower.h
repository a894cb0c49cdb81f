#ifndef WEIR_HOST_PLUGIN_FOLDER_FOLLOWER_H_
#define WEIR_HOST_PLUGIN_FOLDER_FOLLOWER_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_folder.h"
#include "host/plugin/plugin_set.h"

namespace weir {

// Lets the slots follow what lies in the plugin folders: new files are loaded,
// changed ones take the place of what runs, and what is gone ends or stays, as
// the settings say. Thread-compatible: the receiver of a FolderWatch.
class FolderFollower {
 public:
  // All that is referred to must outlive it. `notice` is told what was passed
  // over, once each time that changes.
  FolderFollower(PluginSet& plugins, ModuleStore& store,
                 std::vector<uid_t> owners, PluginSet::FindSpec find_spec,
                 std::function<void(absl::string_view)> notice);

  FolderFollower(const FolderFollower&) = delete;
  FolderFollower& operator=(const FolderFollower&) = delete;

  // The slots are as `contents` has it: those that were loaded at start.
  void Know(const PluginFolderContents& contents);

  // Has done what `contents` asks for, each slot by its own thread. Returns
  // false if some of it has to be looked at again later.
  bool Follow(const PluginFolderContents& contents);

 private:
  PluginSet& plugins_;
  ModuleStore& store_;
  const std::vector<uid_t> owners_;
  const PluginSet::FindSpec find_spec_;
  const std::function<void(absl::string_view)> notice_;
  std::map<std::string, PluginFile> followed_;  // By id.
  std::vector<std::string> noticed_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FOLDER_FOLLOWER_H_
