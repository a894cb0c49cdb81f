#include "cli/table.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/escape.h"

namespace weir::cli {

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (Column& column : columns_) {
    column.title = Escape(column.title);
    widths_.push_back(Width(column.title));
  }
}

void Table::AddRow(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = Escape(cells[i]);
    widths_[i] = std::max(widths_[i], Width(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out, bool colour) const {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  const std::string head = Line(titles);
  out << (colour ? absl::StrCat("\x1b[1m", head, "\x1b[0m") : head) << "\n";
  for (const std::vector<std::string>& row : rows_) out << Line(row) << "\n";
}

std::string Table::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths_[i] - Width(cells[i]), ' ');
    const bool right = columns_[i].align == Align::kRight;
    absl::StrAppend(&line, i == 0 ? "" : "  ", right ? pad : "", cells[i],
                    right ? "" : pad);
  }
  absl::StripTrailingAsciiWhitespace(&line);
  return line;
}

}  // namespace weir::cli
