#include "host/plugin/plugin_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "host/plugin/file_rules.h"

namespace weir {

namespace {

constexpr size_t kMaxIdBytes = 63;

// What the system says of `path`, through links.
absl::Status LookAt(const std::string& path, struct stat& status) {
  if (stat(path.c_str(), &status) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(
      errno, absl::StrCat(path,
                          ": file.open: cannot be found; make it a "
                          "file that the host's user may read"));
}

// Notes the signatures of the file, and why it must not be loaded.
void LookAtFile(const std::string& folder, const std::vector<uid_t>& owners,
                PluginFile& file) {
  struct stat status;
  const std::string yaml =
      absl::StrCat(absl::StripSuffix(file.path, ".so"), ".yaml");
  if (stat(yaml.c_str(), &status) == 0) {
    file.yaml_signature = SignatureOf(status);
  }
  file.status = LookAt(folder, status);
  if (file.status.ok()) file.status = CheckOwner(status, folder, owners);
  if (!file.status.ok()) return;
  file.status = LookAt(file.path, status);
  if (!file.status.ok()) return;
  file.signature = SignatureOf(status);
  file.status = CheckModuleType(status, file.path);
  if (file.status.ok()) file.status = CheckOwner(status, file.path, owners);
}

// The names in `folder`, in order.
std::vector<std::string> Names(const std::string& folder,
                               std::vector<std::string>& notices) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()),
                                                &closedir);
  if (dir == nullptr) {
    if (errno != ENOENT) {
      notices.push_back(
          absl::StrCat("plugin folder ", folder, ": ", std::strerror(errno)));
    }
    return names;
  }
  while (const dirent* entry = readdir(dir.get())) {
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string PluginIdOf(absl::string_view module) {
  if (!absl::ConsumeSuffix(&module, ".so") || module.empty() ||
      module.size() > kMaxIdBytes || module[0] == '_' || module[0] == '-' ||
      !std::all_of(module.begin(), module.end(), [](char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' ||
               c == '-';
      })) {
    return "";
  }
  return absl::StrReplaceAll(module, {{"_", "-"}});
}

PluginFolderContents ReadPluginFolders(const std::vector<std::string>& folders,
                                       const std::vector<uid_t>& owners) {
  PluginFolderContents contents;
  std::map<std::string, PluginFile> by_id;
  for (const std::string& folder : folders) {
    std::map<std::string, PluginFile> here;
    for (const std::string& name : Names(folder, contents.notices)) {
      const std::string path = absl::StrCat(folder, "/", name);
      const std::string id = PluginIdOf(name);
      if (id.empty()) {
        if (absl::EndsWith(name, ".so") && name[0] != '.') {
          contents.notices.push_back(absl::StrCat(
              path,
              ": passed over; a plugin's name is [a-z0-9][a-z0-9_-]*.so, "
              "with at most ",
              kMaxIdBytes, " bytes before .so"));
        }
        continue;
      }
      PluginFile file = {.id = id, .module = name, .path = path};
      LookAtFile(folder, owners, file);
      const auto [other, is_new] = here.emplace(id, file);
      if (!is_new) {
        other->second.status = absl::AlreadyExistsError(
            absl::StrCat(path, ": file.name: ", other->second.module, " and ",
                         name, " are both plugin ", id, "; rename one"));
      }
    }
    for (auto& [id, file] : here) by_id[id] = std::move(file);
  }
  for (auto& [id, file] : by_id) contents.files.push_back(std::move(file));
  return contents;
}

}  // namespace weir
