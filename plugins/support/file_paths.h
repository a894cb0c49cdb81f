#ifndef WEIR_PLUGINS_SUPPORT_FILE_PATHS_H_
#define WEIR_PLUGINS_SUPPORT_FILE_PATHS_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// What a plugin looks at in a path that somebody else has named, before it
// opens anything.

// In double quotes, for people.
std::string Quoted(std::string_view text);

// What the system says of `error`, an errno.
std::string ErrorText(int error);

// Whether it names something in a folder, and no other folder: up to 255 bytes,
// as file systems have it, without `/` and control characters, not `.` or `..`.
bool IsFileName(std::string_view name);

// Splits at slashes; several are one.
std::vector<std::string> PathParts(std::string_view path);

// Whether `path` is `base` or lies in it, by name, whatever is there; then
// `rest` is what is behind it.
bool LiesIn(std::string_view path, std::string_view base,
            std::string_view* rest);

}  // namespace weir

#endif  // WEIR_PLUGINS_SUPPORT_FILE_PATHS_H_
