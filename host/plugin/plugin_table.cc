#include "host/plugin/plugin_table.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

namespace {

// The table of version 1.0. It never shrinks, and this number never changes.
constexpr uint32_t kFirstTableBytes = 56;

}  // namespace

absl::StatusOr<weir_plugin> CopyPluginTable(const weir_plugin* table) {
  if (table == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("abi.table: its entry returned null for ABI ",
                     WEIR_ABI_MAJOR, "; build it with this host's SDK"));
  }
  // The first eight bytes are all that may be read before struct_size is known.
  const uint32_t size = table->struct_size;
  if (size < kFirstTableBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "abi.table: its table has ", size, " bytes, of ABI 1.0 it has ",
        kFirstTableBytes, "; set struct_size to sizeof(weir_plugin)"));
  }
  if (table->abi_major != WEIR_ABI_MAJOR) {
    return absl::InvalidArgumentError(
        absl::StrCat("abi.version: its table is of ABI ", table->abi_major,
                     ", this host speaks ", WEIR_ABI_MAJOR,
                     "; build it with this host's SDK"));
  }
  weir_plugin copy = {};
  std::memcpy(&copy, table, std::min<size_t>(size, sizeof(copy)));
  for (const auto& [name, is_null] : {
           std::pair("create", copy.create == nullptr),
           std::pair("destroy", copy.destroy == nullptr),
           std::pair("queue_capacity", copy.queue_capacity == nullptr),
           std::pair("wants_message", copy.wants_message == nullptr),
           std::pair("handle_message", copy.handle_message == nullptr),
           std::pair("get_ext", copy.get_ext == nullptr),
       }) {
    if (!is_null) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("abi.table: its ", name,
                     " is null; every function of weir_plugin must "
                     "be there"));
  }
  return copy;
}

absl::StatusOr<void*> OpenLibrary(const std::string& path) {
  // Neither RTLD_DEEPBIND, which breaks what replaces malloc, nor dlmopen, of
  // which there are only 15.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* const why = dlerror();
  return absl::InvalidArgumentError(absl::StrCat(
      "load.dlopen: ", why == nullptr ? "unknown" : why,
      "; install what is missing, or link with -Wl,-z,defs to see it when "
      "building"));
}

absl::StatusOr<weir_plugin> EnterPlugin(void* library) {
  const auto entry = reinterpret_cast<decltype(&weir_plugin_entry_v1)>(
      dlsym(library, "weir_plugin_entry_v1"));
  if (entry == nullptr) {
    return absl::InvalidArgumentError(
        "elf.exports: weir_plugin_entry_v1 is not a function");
  }
  try {
    return CopyPluginTable(entry(WEIR_ABI_MAJOR, WEIR_ABI_MINOR));
  } catch (...) {
    return absl::InvalidArgumentError(
        "abi.table: its entry threw an exception; return null instead");
  }
}

}  // namespace weir
