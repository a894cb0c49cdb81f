// Whatever bytes arrive: the check reads none outside of them, says what each
// finding is, and takes no file that lacks the name of the entry.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "host/plugin/elf_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const weir::ElfReport report = weir::CheckElf(bytes);
  if (report.loadable() != report.ToStatus("x.so").ok()) std::abort();
  for (const weir::PluginFinding& finding : report.findings) {
    if (!absl::StartsWith(finding.check, "elf.")) std::abort();
    if (finding.message.empty()) std::abort();
  }
  if (report.loadable() &&
      !absl::StrContains(bytes,
                         absl::string_view("weir_plugin_entry_v1\0", 21))) {
    std::abort();
  }
  return 0;
}
