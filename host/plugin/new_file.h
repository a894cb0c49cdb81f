#ifndef WEIR_HOST_PLUGIN_NEW_FILE_H_
#define WEIR_HOST_PLUGIN_NEW_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/file_descriptor.h"

namespace weir {

// A file that has no name until it is whole. Goes with this object unless Link
// gave it one. Movable; one thread.
//
// Every error is ResourceExhausted if there is no space, no quota, or the
// process's own limit for a file is reached, and Unavailable otherwise; its
// message begins with "store.write: ".
class NewFile {
 public:
  // What its name begins with on file systems that know no nameless files. A
  // host that was killed may leave one.
  static constexpr absl::string_view kPrefix = ".new-";

  // Begins one, on the file system of `directory`.
  static absl::StatusOr<NewFile> Create(const std::string& directory);

  ~NewFile();
  NewFile(NewFile&&) = default;
  NewFile& operator=(NewFile&&) = delete;

  absl::Status Write(absl::string_view bytes);

  // Makes it equal to the open file `from`, sharing its blocks. Returns false,
  // having done nothing, where the file system cannot.
  bool CloneFrom(int from);

  // Gives it the name `path`, on the same file system, and `mode`. `durable`:
  // its bytes are on the disk first, and its name when this returns. Returns
  // Unavailable if there is a file of that name.
  absl::Status Link(const std::string& path, mode_t mode, bool durable);

 private:
  NewFile(FileDescriptor file, std::string directory, std::string temporary)
      : file_(std::move(file)),
        directory_(std::move(directory)),
        temporary_(std::move(temporary)) {}

  FileDescriptor file_;
  std::string directory_;
  std::string temporary_;  // Its name meanwhile; empty: it has none.
};

// The error of a NewFile for `error`, an errno, at `path`.
absl::Status StoreError(int error, absl::string_view path);

// Waits until the names in `directory` are on the disk.
absl::Status SyncDirectory(const std::string& directory);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_NEW_FILE_H_
