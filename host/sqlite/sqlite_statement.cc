#include "host/sqlite/sqlite_statement.h"

#include <sqlite3.h>

#include <cstddef>

namespace weir {

SqliteStatement::SqliteStatement(const SqliteConnection& connection,
                                 const char* sql)
    : connection_(connection) {
  if (sqlite3_prepare_v3(connection.get(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                         &statement_, nullptr) != SQLITE_OK) {
    status_ = connection.Fault();
  }
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::Bind(int64_t number) {
  sqlite3_bind_int64(statement_, ++parameter_, number);
  return *this;
}

SqliteStatement& SqliteStatement::BindNull() {
  ++parameter_;  // What is not bound is null.
  return *this;
}

SqliteStatement& SqliteStatement::BindText(absl::string_view text) {
  // A null pointer would be a NULL.
  sqlite3_bind_text64(statement_, ++parameter_, text.empty() ? "" : text.data(),
                      text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::BindBytes(absl::string_view bytes) {
  sqlite3_bind_blob64(statement_, ++parameter_,
                      bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

bool SqliteStatement::Step() {
  if (statement_ == nullptr) return false;  // The status says why.
  const int code = sqlite3_step(statement_);
  status_ = code == SQLITE_ROW || code == SQLITE_DONE ? absl::OkStatus()
                                                      : connection_.Fault();
  if (code == SQLITE_ROW) return true;
  Reset();
  return false;
}

absl::Status SqliteStatement::Finish() {
  while (Step()) {
  }
  return status_;
}

void SqliteStatement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  parameter_ = 0;
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t SqliteStatement::Number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

absl::string_view SqliteStatement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size =
      static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : size};
}

}  // namespace weir
