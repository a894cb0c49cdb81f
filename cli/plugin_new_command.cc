#include "cli/plugin_new_command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/escape.h"
#include "cli/json.h"
#include "cli/plugin_template.h"
#include "google/protobuf/struct.pb.h"

namespace weir::cli {
namespace {

// What the system said, and what to do about it.
absl::Status Refusal(const std::string& path, int error) {
  const absl::string_view cure =
      error == EEXIST   ? "; take another name, or move it away"
      : error == ENOENT ? "; make the folder that --directory names first"
      : error == ENOSPC || error == EDQUOT
          ? "; make room, or say another --directory"
          : "; say a --directory that you may write to";
  return absl::UnavailableError(
      absl::StrCat(path, ": ", std::strerror(error), cure));
}

absl::Status WriteFile(const std::string& path, absl::string_view text) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return Refusal(path, errno);
  int error = 0;
  while (error == 0 && !text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  // A full disk may say so only here.
  if (close(fd) != 0 && error == 0) error = errno;
  return error == 0 ? absl::OkStatus() : Refusal(path, error);
}

// Makes `folder`, which must not exist, with `files` in it, or nothing at all.
absl::Status WriteFolder(const std::string& folder,
                         const std::vector<NewFile>& files) {
  // Refuses whatever is there: a folder, a file, or a link to nowhere.
  if (mkdir(folder.c_str(), 0755) != 0) return Refusal(folder, errno);
  absl::Status status;
  for (const NewFile& file : files) {
    if (!status.ok()) break;
    status = WriteFile(absl::StrCat(folder, "/", file.path), file.text);
  }
  if (!status.ok()) {
    for (const NewFile& file : files) {
      unlink(absl::StrCat(folder, "/", file.path).c_str());
    }
    rmdir(folder.c_str());
  }
  return status;
}

void Tell(const std::string& folder, const std::vector<NewFile>& files,
          Session& session) {
  if (session.json) {
    google::protobuf::Struct answer;
    auto& fields = *answer.mutable_fields();
    fields["directory"].set_string_value(folder);
    for (const NewFile& file : files) {
      fields["files"].mutable_list_value()->add_values()->set_string_value(
          file.path);
    }
    PrintJson(answer, Defaults::kOmit, session.out);
    return;
  }
  for (const NewFile& file : files) {
    session.out << Escape(absl::StrCat(folder, "/", file.path)) << "\n";
  }
  session.out << "next: make -C " << Escape(folder) << " test\n";
}

}  // namespace

int RunPluginNew(const PluginNewArguments& arguments, Session& session) {
  const absl::StatusOr<PluginNames> names = MakePluginNames(arguments.name);
  if (!names.ok()) {
    session.err << "weir: " << names.status().message() << "\n";
    return kUsageError;
  }
  const std::string folder =
      arguments.directory == "."
          ? arguments.name
          : absl::StrCat(arguments.directory, "/", arguments.name);
  const std::vector<NewFile> files =
      FillPluginTemplate(arguments.language, *names);
  if (const absl::Status status = WriteFolder(folder, files); !status.ok()) {
    session.err << "weir: " << Escape(status.message()) << "\n";
    return kRefused;
  }
  Tell(folder, files, session);
  return kDone;
}

}  // namespace weir::cli
