#include "host/sqlite/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/sqlite/sqlite_statement.h"

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
    SqliteFile file, Access access) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      file.path.c_str(), &opened, FlagsOf(access) | SQLITE_OPEN_NOMUTEX,
      file.vfs.empty() ? nullptr : file.vfs.c_str());
  // There is one even if it was not opened, to be asked why.
  std::unique_ptr<SqliteConnection> connection(
      new SqliteConnection(std::move(file), opened));
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

absl::Status SqliteConnection::Transact(
    absl::FunctionRef<absl::Status()> work) {
  absl::Status status = Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status = work();
  if (status.ok()) status = Run("COMMIT");
  // Some errors have undone it already.
  if (!status.ok() && sqlite3_get_autocommit(database_) == 0) {
    Run("ROLLBACK").IgnoreError();
  }
  return status;
}

absl::Status SqliteConnection::UseWriteAheadLog() {
  if (sqlite3_db_readonly(database_, "main") == 1) {
    return absl::PermissionDeniedError(absl::StrCat(
        path(), ": cannot be written; make it writable for the host's user"));
  }
  SqliteStatement mode(*this, "PRAGMA journal_mode = WAL");
  if (!mode.Step()) return mode.status();
  if (mode.Bytes(0) == "wal") return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      path(), ": no write-ahead log on this file system (journal mode ",
      mode.Bytes(0), "); keep it on a local disk"));
}

int64_t SqliteConnection::changes() const { return sqlite3_changes(database_); }

absl::Status SqliteConnection::Damaged(absl::string_view how) const {
  return absl::DataLossError(absl::StrCat(
      path(), ": damaged: ", how, "; restore a backup, or move it and ", path(),
      "-wal away: ", file_.without_it));
}

absl::StatusOr<int64_t> SqliteConnection::AskNumber(const char* sql) {
  SqliteStatement question(*this, sql);
  if (!question.Step()) {
    return question.status().ok() ? absl::DataLossError(absl::StrCat(
                                        path(), ": no answer to ", sql))
                                  : question.status();
  }
  const int64_t number = question.Number(0);
  question.Reset();
  return number;
}

absl::Status SqliteConnection::Fault() const {
  // There is none if there was no memory for one.
  const int code =
      database_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database_) & 0xff;
  const std::string text = sqlite3_errmsg(database_);
  const int system_error =
      database_ == nullptr ? 0 : sqlite3_system_errno(database_);
  const std::string disk_full =
      absl::StrCat(path(), ": the disk is full; make room on it");
  switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // Our statements are right, so the tables are not.
      return Damaged(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(absl::StrCat(
          path(), ": another process has it open; end that one, or give each ",
          "host ", file_.one_each, " of its own"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path(), ": ", text, "; make it writable for the host's user"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(disk_full);
    default:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return absl::ResourceExhaustedError(disk_full);
      }
      return absl::UnavailableError(
          absl::StrCat(path(), ": ", text, system_error == 0 ? "" : ": ",
                       system_error == 0 ? "" : std::strerror(system_error),
                       "; see whether the disk works and has room"));
  }
}

}  // namespace weir
