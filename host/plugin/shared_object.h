#ifndef WEIR_HOST_PLUGIN_SHARED_OBJECT_H_
#define WEIR_HOST_PLUGIN_SHARED_OBJECT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/module_store.h"
#include "weir/plugin_abi.h"

namespace weir {

// A plugin's code in this process, from a copy of its file that nobody else
// writes; unloaded, and the copy removed, with the last holder. Its
// constructors have run, and no instance was made. Immutable.
class SharedObject {
 public:
  // Opens `run_copy`, which ModuleStore::MakeRunCopy made of `module` and this
  // takes over, and asks its entry for the table (see CopyPluginTable).
  // `report` is what CheckModule said of `module`.
  //
  // Returns InvalidArgument "x.so: load.dlopen: ..." with what the loader said,
  // such as a library that is missing, or "x.so: abi.table: ...". Nothing is
  // left then, of `run_copy` or in memory.
  static absl::StatusOr<std::shared_ptr<const SharedObject>> Open(
      const StoredModule& module, ElfReport report,
      const std::string& run_copy);

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
