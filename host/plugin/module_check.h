#ifndef WEIR_HOST_PLUGIN_MODULE_CHECK_H_
#define WEIR_HOST_PLUGIN_MODULE_CHECK_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/module_store.h"

namespace weir {

// Looks at a stored module before anything of it runs, in whatever process.
// Its digest must be one of `allowed_sha256`, lower-case hex; none there allows
// all. Its bytes must pass CheckElf; the report says what it found beside.
//
// Returns FailedPrecondition "x.so: file.sha256: ..." for another digest, what
// ElfReport::ToStatus says of bytes that the loader must not see, and
// Unavailable "x.so: store.read: ..." if the entry cannot be read.
absl::StatusOr<ElfReport> CheckModule(
    const StoredModule& module, absl::Span<const std::string> allowed_sha256);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_CHECK_H_
