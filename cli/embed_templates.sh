#!/usr/bin/env bash
# Writes C++ that holds files of cli/templates/LANGUAGE/, which are the arguments.
# In BUILD.bazel, what begins with "# Not a part of the template" is left out.
set -euo pipefail

cat <<'HEAD'
#include "cli/plugin_template_files.h"

namespace weir::cli {

std::span<const PluginTemplateFile> PluginTemplateFiles() {
  static constexpr PluginTemplateFile kFiles[] = {
HEAD
for file in "$@"; do
  path=${file##*templates/}
  printf '      {"%s", "%s", R"weir(' "${path%%/*}" "${path#*/}"
  sed '/^# Not a part of the template/,$d' "$file" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
  echo ')weir"},'
done
cat <<'TAIL'
  };
  return kFiles;
}

}  // namespace weir::cli
TAIL
