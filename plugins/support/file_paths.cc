#include "plugins/support/file_paths.h"

#include <algorithm>
#include <cstddef>
#include <system_error>

namespace weir {
namespace {

constexpr size_t kMaxName = 255;

}  // namespace

std::string Quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

bool IsFileName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." &&
         name != ".." && std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == '\x7f' ||
                  static_cast<unsigned char>(c) < ' ';
         });
}

std::vector<std::string> PathParts(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (end > 0) parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

bool LiesIn(std::string_view path, std::string_view base,
            std::string_view* rest) {
  while (base.size() > 1 && base.back() == '/') base.remove_suffix(1);
  if (!path.starts_with(base)) return false;
  *rest = path.substr(base.size());
  return rest->empty() || rest->front() == '/' || base == "/";
}

}  // namespace weir
