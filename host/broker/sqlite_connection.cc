#include "host/broker/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// For locks that others hold a moment: a checkpoint, a person with sqlite3.
constexpr int kBusyMs = 1000;

int FlagsOf(SqliteConnection::Access access) {
  switch (access) {
    case SqliteConnection::Access::kCreate:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case SqliteConnection::Access::kWrite:
      return SQLITE_OPEN_READWRITE;
    case SqliteConnection::Access::kRead:
      return SQLITE_OPEN_READONLY;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, Access access, const std::string& vfs) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened,
                                   FlagsOf(access) | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  // There is one even if it was not opened, to be asked why.
  std::unique_ptr<SqliteConnection> connection(
      new SqliteConnection(path, opened));
  if (code != SQLITE_OK) return connection->Fault();
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, kBusyMs);
  return connection;
}

SqliteConnection::~SqliteConnection() { sqlite3_close(database_); }

absl::Status SqliteConnection::Run(const char* sql) {
  return sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK
             ? absl::OkStatus()
             : Fault();
}

absl::StatusOr<int64_t> SqliteConnection::AskNumber(const char* sql) {
  SqliteStatement question(*this, sql);
  if (!question.Step()) {
    return question.status().ok() ? absl::DataLossError(absl::StrCat(
                                        path_, ": no answer to ", sql))
                                  : question.status();
  }
  const int64_t number = question.Number(0);
  question.Reset();
  return number;
}

absl::Status SqliteConnection::Fault() const {
  const std::string text = sqlite3_errmsg(database_);
  const int system_error = sqlite3_system_errno(database_);
  const std::string disk_full =
      absl::StrCat(path_, ": the disk is full; make room on it");
  switch (sqlite3_errcode(database_) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // Our statements are right, so the tables are not.
      return absl::DataLossError(absl::StrCat(
          path_, ": damaged, or no journal: ", text, "; restore a backup, or ",
          "move it and ", path_, "-wal away: a new log is then begun"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(absl::StrCat(
          path_,
          ": another process holds a lock on it; end that one, or give "
          "each host a journal of its own"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path_, ": ", text, "; make it writable for the host's user"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(disk_full);
    default:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return absl::ResourceExhaustedError(disk_full);
      }
      return absl::UnavailableError(
          absl::StrCat(path_, ": ", text, system_error == 0 ? "" : ": ",
                       system_error == 0 ? "" : std::strerror(system_error),
                       "; see whether the disk works and has room"));
  }
}

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
