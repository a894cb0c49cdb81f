#ifndef WEIR_CLI_TABLE_H_
#define WEIR_CLI_TABLE_H_

#include <ostream>
#include <string>
#include <vector>

namespace weir::cli {

// Rows of cells in aligned columns, two spaces apart:
//
//   SOURCE     MESSAGES  STATE
//   ris-live  1,234,567  connected
//
// Every cell is escaped (escape.h) on its way in; the last column is not
// padded, so that no line ends in spaces. Not thread-safe.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);

  // Appends a row; it has as many cells as there are columns.
  void AddRow(std::vector<std::string> cells);

  // Writes the titles (in bold on a terminal with `colour`) and the rows.
  void Print(std::ostream& out, bool colour) const;

 private:
  std::string Line(const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace weir::cli

#endif  // WEIR_CLI_TABLE_H_
