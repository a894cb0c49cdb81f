#include "host/plugin/state_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/plugin/sql_statement.h"
#include "host/status/annotate.h"

namespace weir {
namespace {

constexpr char kMakeTables[] = R"sql(
  BEGIN IMMEDIATE;
  CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
  INSERT INTO schema_version VALUES (1);
  CREATE TABLE plugin (
    id TEXT PRIMARY KEY NOT NULL,
    loaded INTEGER NOT NULL CHECK (loaded IN (0, 1)),
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    demoted INTEGER NOT NULL CHECK (demoted IN (0, 1)),
    pinned_module TEXT NOT NULL,
    pinned_sha256 TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL,
    -- All four are null, or none is.
    quarantine_sha256 TEXT,
    quarantine_reason TEXT,
    quarantine_actor TEXT,
    quarantine_time_ns INTEGER
  ) STRICT, WITHOUT ROWID;
  COMMIT;
)sql";

constexpr char kWrite[] =
    "INSERT OR REPLACE INTO plugin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr char kReadAll[] =
    "SELECT id, loaded, paused, demoted, pinned_module, pinned_sha256, "
    "previous_sha256, quarantine_sha256, quarantine_reason, quarantine_actor, "
    "quarantine_time_ns FROM plugin";

// What an operator can do if the file is of no use any more.
std::string MoveAway(const std::string& path) {
  return absl::StrCat("restore a backup, or move ", path, " and ", path,
                      "-wal away: every plugin of the folder is then loaded, "
                      "and quarantines are forgotten");
}

absl::Status Damaged(const std::string& path, absl::string_view how) {
  return absl::DataLossError(
      absl::StrCat(path, ": damaged: ", how, "; ", MoveAway(path)));
}

absl::Status DiskFull(const std::string& path) {
  return absl::ResourceExhaustedError(
      absl::StrCat(path, ": the disk is full; make room on it"));
}

// Why the last call on `database` did not work.
absl::Status Fault(sqlite3* database, const std::string& path) {
  const std::string text = sqlite3_errmsg(database);
  const int system_error = sqlite3_system_errno(database);
  switch (sqlite3_errcode(database) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // Our statements are right, so the tables are not.
      return Damaged(path, text);
    case SQLITE_BUSY:
      return absl::FailedPreconditionError(
          absl::StrCat(path,
                       ": another process has it open; end that one, or give "
                       "each host a state_dir of its own"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path, ": ", text, "; make it writable for the host's user"));
    case SQLITE_FULL:
      return DiskFull(path);
    default:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return DiskFull(path);
      }
      return absl::UnavailableError(
          absl::StrCat(path, ": ", text, system_error == 0 ? "" : ": ",
                       system_error == 0 ? "" : std::strerror(system_error),
                       "; see whether the disk works and has room"));
  }
}

// SQLite itself calls a missing and a closed directory by one name.
absl::Status CheckDirectory(const std::string& path) {
  const std::filesystem::path parent =
      std::filesystem::path(path).parent_path();
  const std::string directory =
      parent.empty() ? std::string(".") : parent.string();
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(
      errno, absl::StrCat(path, ": the directory ", directory,
                          " must exist and be writable for the host's user"));
}

// Brings `database` into the mode in which what is written stays written, for
// this process alone; the order matters, since a journal in shared memory is
// one that others may open.
absl::Status SetUp(sqlite3* database, const std::string& path) {
  if (sqlite3_db_readonly(database, "main") == 1) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, ": cannot be written; make it writable for the host's user"));
  }
  if (sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", nullptr,
                   nullptr, nullptr) != SQLITE_OK) {
    return Fault(database, path);
  }
  SqlStatement journal(database, "PRAGMA journal_mode = WAL");
  if (journal.Step() != SQLITE_ROW) return Fault(database, path);
  if (journal.Text(0) != "wal") {
    return absl::UnavailableError(absl::StrCat(
        path, ": no write-ahead log on this file system (journal mode ",
        journal.Text(0), "); keep state_dir on a local disk"));
  }
  if (sqlite3_exec(database, "PRAGMA synchronous = FULL", nullptr, nullptr,
                   nullptr) != SQLITE_OK) {
    return Fault(database, path);
  }
  return absl::OkStatus();
}

absl::Status CheckPages(sqlite3* database, const std::string& path) {
  SqlStatement check(database, "PRAGMA integrity_check(1)");
  if (check.Step() != SQLITE_ROW) return Fault(database, path);
  const std::string found = check.Text(0);
  return found == "ok" ? absl::OkStatus() : Damaged(path, found);
}

// Makes the tables in a new file; checks in another that it is ours.
absl::Status CheckSchema(sqlite3* database, const std::string& path) {
  SqlStatement count(
      database,
      "SELECT count(*), coalesce(sum(name = 'schema_version'), 0) "
      "FROM sqlite_schema");
  if (count.Step() != SQLITE_ROW) return Fault(database, path);
  if (count.Number(0) == 0) {
    // A reader in the way of the writer.
    while (count.Step() == SQLITE_ROW) {
    }
    return sqlite3_exec(database, kMakeTables, nullptr, nullptr, nullptr) ==
                   SQLITE_OK
               ? absl::OkStatus()
               : Fault(database, path);
  }
  if (count.Number(1) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     ": a database of something else; give the host a "
                     "state_dir of its own"));
  }
  SqlStatement version(database, "SELECT max(version) FROM schema_version");
  if (version.Step() != SQLITE_ROW) return Fault(database, path);
  if (version.Number(0) > StateStore::kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": written by a newer weir, schema ", version.Number(0),
        "; this one knows ", StateStore::kSchemaVersion,
        ": start the newer one, or ", MoveAway(path)));
  }
  if (version.Number(0) < 1) {
    return Damaged(path, absl::StrCat("schema ", version.Number(0)));
  }
  // That its tables have our columns.
  const int code = SqlStatement(database, kReadAll).Step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return Fault(database, path);
  return absl::OkStatus();
}

DesiredState StateOf(const SqlStatement& row) {
  DesiredState state;
  state.desired = row.Number(1) != 0 ? DesiredState::Desired::kLoaded
                                     : DesiredState::Desired::kStopped;
  state.paused = row.Number(2) != 0;
  state.demoted = row.Number(3) != 0;
  state.pinned_module = row.Text(4);
  state.pinned_sha256 = row.Text(5);
  state.previous_sha256 = row.Text(6);
  if (!row.IsNull(7)) {
    state.quarantine = {.sha256 = row.Text(7),
                        .reason = row.Text(8),
                        .actor = row.Text(9),
                        .time = absl::FromUnixNanos(row.Number(10))};
  }
  return state;
}

}  // namespace

void StateStore::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

StateStore::StateStore(std::string path, Connection database)
    : path_(std::move(path)), database_(std::move(database)) {}

StateStore::~StateStore() = default;

absl::StatusOr<std::unique_ptr<StateStore>> StateStore::Open(
    const std::string& path) {
  absl::Status status = CheckDirectory(path);
  if (!status.ok()) return status;
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  Connection database(opened);  // There is one even then, to be asked why.
  if (code != SQLITE_OK) return Fault(database.get(), path);
  for (const auto step : {&SetUp, &CheckPages, &CheckSchema}) {
    status = step(database.get(), path);
    if (!status.ok()) return status;
  }
  return std::unique_ptr<StateStore>(new StateStore(path, std::move(database)));
}

absl::StatusOr<std::map<std::string, DesiredState>> StateStore::ReadAll() {
  MutexLock lock(&mu_);
  SqlStatement rows(database_.get(), kReadAll);
  std::map<std::string, DesiredState> states;
  int code = rows.Step();
  for (; code == SQLITE_ROW; code = rows.Step()) {
    states.emplace(rows.Text(0), StateOf(rows));
  }
  if (code != SQLITE_DONE) return Fault(database_.get(), path_);
  return states;
}

absl::Status StateStore::Write(absl::string_view id,
                               const DesiredState& state) {
  MutexLock lock(&mu_);
  SqlStatement write(database_.get(), kWrite);
  write.Bind(id);
  write.Bind(int64_t{state.desired == DesiredState::Desired::kLoaded});
  write.Bind(int64_t{state.paused});
  write.Bind(int64_t{state.demoted});
  write.Bind(state.pinned_module);
  write.Bind(state.pinned_sha256);
  write.Bind(state.previous_sha256);
  if (state.quarantine.has_value()) {  // What is not bound is null.
    write.Bind(state.quarantine->sha256);
    write.Bind(state.quarantine->reason);
    write.Bind(state.quarantine->actor);
    write.Bind(absl::ToUnixNanos(state.quarantine->time));
  }
  if (write.Step() == SQLITE_DONE) return absl::OkStatus();
  return Annotate(Fault(database_.get(), path_),
                  absl::StrCat("keeping the state of ", id));
}

absl::Status StateStore::Forget(absl::string_view id) {
  MutexLock lock(&mu_);
  SqlStatement forget(database_.get(), "DELETE FROM plugin WHERE id = ?");
  forget.Bind(id);
  if (forget.Step() == SQLITE_DONE) return absl::OkStatus();
  return Annotate(Fault(database_.get(), path_),
                  absl::StrCat("forgetting the state of ", id));
}

}  // namespace weir
