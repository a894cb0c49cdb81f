#ifndef WEIR_HOST_CONFIG_CONFIG_ERROR_H_
#define WEIR_HOST_CONFIG_CONFIG_ERROR_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir {

// One fault of a configuration: where it is, what is wrong, and how to cure it.
//
// Faults are collected, never thrown: whoever reads or checks a configuration
// goes on after each, so that an operator sees all of them at once.
//
// Immutable once made.
struct ConfigError {
  // The field, as it is written: "sources[2].ris_live.url". Empty = the file as
  // a whole.
  std::string path;
  // Of the file, from 1; 0 = unknown.
  int line = 0;
  // Names the value, the bound and the cure. Lower case, no full stop.
  std::string message;

  friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

// Returns the fault as one line, for a file called `file`:
// "weir.yaml:12: sources[2].ris_live.url: empty; ...". What is unknown is left
// out.
inline std::string ToString(const ConfigError& error, absl::string_view file) {
  std::string text(file);
  if (error.line > 0) absl::StrAppend(&text, ":", error.line);
  if (!error.path.empty()) absl::StrAppend(&text, ": ", error.path);
  return absl::StrCat(text, ": ", error.message);
}

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_CONFIG_ERROR_H_
