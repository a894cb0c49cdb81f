#ifndef WEIR_HOST_PLUGIN_SQL_STATEMENT_H_
#define WEIR_HOST_PLUGIN_SQL_STATEMENT_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// One SQL statement, run once. What is bound must live until the last Step.
// Not thread-safe; `database` must outlive it.
class SqlStatement {
 public:
  SqlStatement(sqlite3* database, const char* sql) {
    prepared_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~SqlStatement() { sqlite3_finalize(statement_); }

  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;

  // Binds the next parameter.
  void Bind(absl::string_view text) {
    // A null pointer would be a NULL.
    sqlite3_bind_text64(statement_, ++parameter_,
                        text.empty() ? "" : text.data(), text.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
  }
  // Bytes; a blob of none is not NULL.
  void BindBlob(absl::string_view bytes) {
    sqlite3_bind_blob64(statement_, ++parameter_,
                        bytes.empty() ? "" : bytes.data(), bytes.size(),
                        SQLITE_STATIC);
  }
  void BindNull() { ++parameter_; }  // What is not bound is null.
  void Bind(int64_t number) {
    sqlite3_bind_int64(statement_, ++parameter_, number);
  }

  // Returns SQLITE_ROW, SQLITE_DONE or an error.
  int Step() {
    return prepared_ == SQLITE_OK ? sqlite3_step(statement_) : prepared_;
  }

  // Of the row, by its column.
  bool IsNull(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  std::string Text(int column) const {
    // The bytes first would be those of another encoding.
    const unsigned char* text = sqlite3_column_text(statement_, column);
    const auto length =
        static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return std::string(reinterpret_cast<const char*>(text), length);
  }
  std::string Blob(int column) const {
    const void* const bytes = sqlite3_column_blob(statement_, column);
    const auto length =
        static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr
               ? std::string()
               : std::string(static_cast<const char*>(bytes), length);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int prepared_;
  int parameter_ = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SQL_STATEMENT_H_
