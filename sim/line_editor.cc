#include "sim/line_editor.h"

#include "sim/line_members.h"
#include "sim/old_format.h"

namespace weir::sim {
namespace {

std::string WithoutRaw(absl::string_view line) {
  LineMembers members;
  if (!members.Parse(line)) return std::string(line);
  for (auto it = members.data.begin(); it != members.data.end(); ++it) {
    if (it->first != "raw") continue;
    members.data.erase(it);
    return members.ToLine();
  }
  return std::string(line);
}

}  // namespace

uint64_t LineEditor::Edit(absl::string_view lines, std::string& out) const {
  uint64_t left = 0;
  while (!lines.empty()) {
    const absl::string_view line = lines.substr(0, lines.find('\n') + 1);
    lines.remove_prefix(line.size());
    if (line.size() > 1 && EditLine(line, out)) ++left;
  }
  return left;
}

bool LineEditor::EditLine(absl::string_view line, std::string& out) const {
  if (filter_.has_value() && !filter_->Matches(line)) return false;
  const bool strips = filter_.has_value() && !filter_->include_raw();
  std::string edited = strips ? WithoutRaw(line) : std::string(line);
  out += old_format_ ? ToOldFormat(edited) : edited;
  return true;
}

}  // namespace weir::sim
