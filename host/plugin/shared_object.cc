#include "host/plugin/shared_object.h"

#include <dlfcn.h>
#include <unistd.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_table.h"
#include "host/status/annotate.h"

namespace weir {

absl::StatusOr<std::shared_ptr<const SharedObject>> SharedObject::Open(
    const StoredModule& module, ElfReport report, const std::string& run_copy) {
  absl::Cleanup remove = [&run_copy] { unlink(run_copy.c_str()); };
  const absl::StatusOr<void*> library = OpenLibrary(run_copy);
  if (!library.ok()) return Annotate(library.status(), module.origin);
  const absl::StatusOr<weir_plugin> table = EnterPlugin(*library);
  if (!table.ok()) {
    dlclose(*library);
    return Annotate(table.status(), module.origin);
  }
  std::move(remove).Cancel();
  return std::shared_ptr<const SharedObject>(new SharedObject(
      run_copy, module.sha256, std::move(report), *library, *table));
}

SharedObject::SharedObject(std::string path, std::string sha256,
                           ElfReport report, void* library,
                           const weir_plugin& table)
    : path_(std::move(path)),
      sha256_(std::move(sha256)),
      report_(std::move(report)),
      library_(library),
      table_(table) {}

SharedObject::~SharedObject() {
  dlclose(library_);
  unlink(path_.c_str());
}

std::string SharedObject::WhyPinned() const {
  if (report_.nodelete) return "linked with -z nodelete; link it without";
  if (report_.unique_symbols == 0) return "";
  return absl::StrCat(report_.unique_symbols,
                      " unique symbols; compile it with -fno-gnu-unique");
}

}  // namespace weir
