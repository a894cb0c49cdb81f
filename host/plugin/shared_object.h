#ifndef WEIR_HOST_PLUGIN_SHARED_OBJECT_H_
#define WEIR_HOST_PLUGIN_SHARED_OBJECT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/plugin/elf_check.h"
#include "weir/plugin_abi.h"

namespace weir {

// A plugin's code in this process, from a private copy of its file; unloaded,
// and the copy removed, with the last holder. Its constructors have run, and no
// instance was made. Immutable.
class SharedObject {
 public:
  // Copies the file at `from` to `to` (see CopyPrivately), checks the copy (see
  // CheckElf), opens it and asks its entry for the table (see CopyPluginTable).
  // Nothing of it runs unless its digest is one of `allowed_sha256`, lower-case
  // hex; none there allows all.
  //
  // Returns whatever of these went wrong, after the path: "x.so: elf.textrel:
  // ...", FailedPrecondition "x.so: file.sha256: ..." for another digest, or
  // "x.so: load.dlopen: ..." with what the loader said, such as a library that
  // is missing. Nothing is left then, at `to` or in memory.
  static absl::StatusOr<std::shared_ptr<const SharedObject>> Open(
      const std::string& from, const std::string& to,
      absl::Span<const std::string> allowed_sha256);

  ~SharedObject();

  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;

  const weir_plugin& table() const { return table_; }
  const std::string& sha256() const { return sha256_; }
  absl::string_view version() const { return report_.note.version; }
  // Why the code will stay in memory to the end of the process; empty if it
  // will not.
  std::string WhyPinned() const;

 private:
  SharedObject(std::string path, std::string sha256, ElfReport report,
               void* library, const weir_plugin& table);

  const std::string path_;
  const std::string sha256_;
  const ElfReport report_;
  void* const library_;
  const weir_plugin table_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SHARED_OBJECT_H_
