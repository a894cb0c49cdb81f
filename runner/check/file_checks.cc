#include "runner/check/check.h"

namespace weir {

// What they come to is found by whoever reads the file; see module_copy.h.
std::vector<Check> FileChecks() {
  std::vector<Check> checks = {
      {.id = "file.type",
       .hint = "A plugin is a regular file. A link may lead to one, but only "
               "below its own folder once it lies in a plugin folder.",
       .refuses = true},
      {.id = "file.size",
       .hint = "The host reads no plugin of more than 256 MiB. Strip it, or "
               "leave data out of it.",
       .refuses = true},
      {.id = "file.mode",
       .hint = "Who can write a plugin runs code in the host, so the host "
               "loads none that everybody can write: chmod go-w FILE.",
       .refuses = true},
      {.id = "file.name",
       .hint = "In a plugin folder the host looks at [a-z0-9][a-z0-9_-]*.so "
               "alone, with at most 63 bytes before .so; the name is the "
               "plugin's id, with _ written -."},
      {.id = "file.stable",
       .hint = "The file changed while it was read: something still writes "
               "it. To replace a plugin, write another file and rename it."}};
  for (Check& check : checks) {
    if (check.id != "file.type") check.needs = {"file.type"};
  }
  return checks;
}

}  // namespace weir
