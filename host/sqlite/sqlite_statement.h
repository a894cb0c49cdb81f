#ifndef WEIR_HOST_SQLITE_SQLITE_STATEMENT_H_
#define WEIR_HOST_SQLITE_SQLITE_STATEMENT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/sqlite/sqlite_connection.h"

struct sqlite3_stmt;

namespace weir {

// One SQL statement, prepared once and run any number of times:
//
//   statement.Bind(7).Bind("x");
//   while (statement.Step()) ... statement.Number(0) ...
//   if (!statement.status().ok()) ...
//
// What is bound as text or bytes must live until the last Step.
class SqliteStatement {
 public:
  // `connection` must outlive it. What is wrong with `sql` is said by status.
  SqliteStatement(const SqliteConnection& connection, const char* sql);
  ~SqliteStatement();

  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Binds the next parameter.
  SqliteStatement& Bind(int64_t number);
  SqliteStatement& Bind(uint64_t number) {
    return Bind(static_cast<int64_t>(number));
  }
  SqliteStatement& BindNull();
  SqliteStatement& BindText(absl::string_view text);
  SqliteStatement& BindBytes(absl::string_view bytes);

  // Goes on to the next row. Returns false at the end and at an error; the
  // statement is then reset, so that it holds no lock and can be run again.
  bool Step();
  // Runs it to its end.
  absl::Status Finish();
  // Lets go of a row that was not the last.
  void Reset();

  // Of the last Step.
  const absl::Status& status() const { return status_; }

  // Of the present row, by column.
  bool IsNull(int column) const;
  int64_t Number(int column) const;
  std::string Text(int column) const { return std::string(Bytes(column)); }
  // Of a text or a blob. Valid until the next call of a method that is not
  // const.
  absl::string_view Bytes(int column) const;

 private:
  const SqliteConnection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  absl::Status status_;
};

}  // namespace weir

#endif  // WEIR_HOST_SQLITE_SQLITE_STATEMENT_H_
