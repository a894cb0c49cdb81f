#include "host/plugin/module_check.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<ElfReport> CheckModule(
    const StoredModule& module, absl::Span<const std::string> allowed_sha256) {
  if (!allowed_sha256.empty() &&
      std::find(allowed_sha256.begin(), allowed_sha256.end(), module.sha256) ==
          allowed_sha256.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        module.origin, ": file.sha256: ", module.sha256,
        " is not a digest that the configuration allows; add it to "
        "plugins.allowed_sha256 and to the plugin's sha256, or put the right "
        "file there"));
  }
  std::ifstream file(module.path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    return absl::UnavailableError(
        absl::StrCat(module.origin, ": store.read: ", module.path,
                     ": cannot be read; put the file into its folder again"));
  }
  ElfReport report = CheckElf(bytes);
  absl::Status status = report.ToStatus(module.origin);
  if (!status.ok()) return status;
  return report;
}

}  // namespace weir
