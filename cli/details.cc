#include "cli/details.h"

#include <algorithm>

#include "cli/escape.h"

namespace weir::cli {

void PrintDetails(const Details& details, std::ostream& out) {
  size_t width = 0;
  for (const auto& [name, value] : details) {
    if (!value.empty()) width = std::max(width, Width(name));
  }
  for (const auto& [name, value] : details) {
    if (value.empty()) continue;
    out << name << std::string(width - Width(name), ' ') << "  "
        << Escape(value) << "\n";
  }
}

}  // namespace weir::cli
