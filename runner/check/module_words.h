#ifndef WEIR_RUNNER_CHECK_MODULE_WORDS_H_
#define WEIR_RUNNER_CHECK_MODULE_WORDS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// Reads the words behind `mode`, "--check" or "--fuzz": options, which are
// handed to `take_option` in their order, and the file of one plugin.
//
// Returns the file; the first error of `take_option`; or InvalidArgument if
// there is no file, or a second one.
absl::StatusOr<std::string> ReadModuleWords(
    const std::vector<std::string>& words, absl::string_view mode,
    const std::function<absl::Status(absl::string_view)>& take_option);

// What a plugin is called that nobody named: its file, without folders.
std::string NameOfModule(const std::string& module);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_MODULE_WORDS_H_
