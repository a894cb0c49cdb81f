#include "host/plugin/state_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
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

// Those of version 1; kUpgrades makes the rest.
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

// From each version to the next, from 1 on.
constexpr const char* kUpgrades[] = {
    R"sql(
  BEGIN IMMEDIATE;
  ALTER TABLE plugin ADD COLUMN previous_revision INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE config_revision (
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    config_json TEXT NOT NULL,
    config_set INTEGER NOT NULL CHECK (config_set IN (0, 1)),
    settings_set BLOB NOT NULL,
    file_config_sha256 TEXT NOT NULL,
    file_settings_sha256 TEXT NOT NULL,
    actor TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    PRIMARY KEY (id, number)
  ) STRICT, WITHOUT ROWID;
  UPDATE schema_version SET version = 2;
  COMMIT;
)sql",
    // Nothing has ever set `demoted`.
    R"sql(
  BEGIN IMMEDIATE;
  ALTER TABLE plugin DROP COLUMN demoted;
  CREATE TABLE demotion (
    id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    PRIMARY KEY (id, sha256)
  ) STRICT, WITHOUT ROWID;
  UPDATE schema_version SET version = 3;
  COMMIT;
)sql"};

constexpr char kWrite[] =
    "INSERT OR REPLACE INTO plugin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr char kReadRevisions[] =
    "SELECT id, number, config_json, config_set, settings_set, "
    "file_config_sha256, file_settings_sha256, actor, time_ns "
    "FROM config_revision ORDER BY id, number";

// One that is there already is never another.
constexpr char kWriteRevision[] =
    "INSERT OR IGNORE INTO config_revision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr char kForgetRevisions[] =
    "DELETE FROM config_revision WHERE id = ? AND number < ?";

constexpr char kWriteDemotion[] = "INSERT INTO demotion VALUES (?, ?, ?, ?)";

constexpr char kForgetDemotions[] = "DELETE FROM demotion WHERE id = ?";

constexpr char kReadDemotions[] =
    "SELECT id, sha256, reason, time_ns FROM demotion ORDER BY id, time_ns";

constexpr char kReadAll[] =
    "SELECT id, loaded, paused, pinned_module, pinned_sha256, "
    "previous_sha256, quarantine_sha256, quarantine_reason, quarantine_actor, "
    "quarantine_time_ns, previous_revision FROM plugin";

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

absl::Status Run(sqlite3* database, const std::string& path, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  absl::Status fault = Fault(database, path);
  sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
  return fault;
}

// Brings the tables of `version` to those of today.
absl::Status Upgrade(sqlite3* database, const std::string& path,
                     int64_t version) {
  for (; version < StateStore::kSchemaVersion; ++version) {
    absl::Status upgraded = Run(database, path, kUpgrades[version - 1]);
    if (!upgraded.ok()) return upgraded;
  }
  return absl::OkStatus();
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
    absl::Status made = Run(database, path, kMakeTables);
    return made.ok() ? Upgrade(database, path, 1) : made;
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
  const int64_t found = version.Number(0);
  // A reader in the way of the writer.
  while (version.Step() == SQLITE_ROW) {
  }
  absl::Status upgraded = Upgrade(database, path, found);
  if (!upgraded.ok()) return upgraded;
  // That its tables have our columns.
  for (const char* const read : {kReadAll, kReadRevisions, kReadDemotions}) {
    const int code = SqlStatement(database, read).Step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return Fault(database, path);
  }
  return absl::OkStatus();
}

DesiredState StateOf(const SqlStatement& row) {
  DesiredState state;
  state.desired = row.Number(1) != 0 ? DesiredState::Desired::kLoaded
                                     : DesiredState::Desired::kStopped;
  state.paused = row.Number(2) != 0;
  state.pinned_module = row.Text(3);
  state.pinned_sha256 = row.Text(4);
  state.previous_sha256 = row.Text(5);
  if (!row.IsNull(6)) {
    state.quarantine = {.sha256 = row.Text(6),
                        .reason = row.Text(7),
                        .actor = row.Text(8),
                        .time = absl::FromUnixNanos(row.Number(9))};
  }
  state.previous_revision = static_cast<uint64_t>(row.Number(10));
  return state;
}

ConfigRevision RevisionOf(const SqlStatement& row) {
  return {.number = static_cast<uint64_t>(row.Number(1)),
          .config_json = row.Text(2),
          .config_set = row.Number(3) != 0,
          .settings_set = row.Blob(4),
          .file_config_sha256 = row.Text(5),
          .file_settings_sha256 = row.Text(6),
          .actor = row.Text(7),
          .time = absl::FromUnixNanos(row.Number(8))};
}

int WriteRevision(sqlite3* database, absl::string_view id,
                  const ConfigRevision& revision) {
  SqlStatement write(database, kWriteRevision);
  write.Bind(id);
  write.Bind(static_cast<int64_t>(revision.number));
  write.Bind(revision.config_json);
  write.Bind(int64_t{revision.config_set});
  write.BindBlob(revision.settings_set);
  write.Bind(revision.file_config_sha256);
  write.Bind(revision.file_settings_sha256);
  write.Bind(revision.actor);
  write.Bind(absl::ToUnixNanos(revision.time));
  return write.Step();
}

int WriteDemotions(sqlite3* database, absl::string_view id,
                   const DesiredState& state) {
  SqlStatement forget(database, kForgetDemotions);
  forget.Bind(id);
  int code = forget.Step();
  for (const DesiredState::Demotion& demotion : state.demotions) {
    SqlStatement write(database, kWriteDemotion);
    write.Bind(id);
    write.Bind(demotion.sha256);
    write.Bind(demotion.reason);
    write.Bind(absl::ToUnixNanos(demotion.time));
    if (code == SQLITE_DONE) code = write.Step();
  }
  return code;
}

int WriteState(sqlite3* database, absl::string_view id,
               const DesiredState& state) {
  SqlStatement write(database, kWrite);
  write.Bind(id);
  write.Bind(int64_t{state.desired == DesiredState::Desired::kLoaded});
  write.Bind(int64_t{state.paused});
  write.Bind(state.pinned_module);
  write.Bind(state.pinned_sha256);
  write.Bind(state.previous_sha256);
  if (state.quarantine.has_value()) {
    write.Bind(state.quarantine->sha256);
    write.Bind(state.quarantine->reason);
    write.Bind(state.quarantine->actor);
    write.Bind(absl::ToUnixNanos(state.quarantine->time));
  } else {
    for (int i = 0; i < 4; ++i) write.BindNull();
  }
  write.Bind(static_cast<int64_t>(state.previous_revision));
  return write.Step();
}

// Writes all that belongs to one slot, within a transaction.
int WriteAll(sqlite3* database, absl::string_view id,
             const DesiredState& state) {
  int code = WriteState(database, id, state);
  for (const ConfigRevision& revision : state.revisions) {
    if (code == SQLITE_DONE) code = WriteRevision(database, id, revision);
  }
  if (code != SQLITE_DONE) return code;
  SqlStatement forget(database, kForgetRevisions);
  forget.Bind(id);
  forget.Bind(state.revisions.empty()
                  ? INT64_MAX
                  : static_cast<int64_t>(state.revisions.front().number));
  code = forget.Step();
  return code == SQLITE_DONE ? WriteDemotions(database, id, state) : code;
}

// Takes the file from everybody else's eyes, since it holds secrets, and makes
// it so if it is not there. SQLite gives its other files the mode of this one.
// Opens nothing that is there: to close it would let go of SQLite's locks.
void HideFile(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0) {
    if ((info.st_mode & 0077) != 0) chmod(path.c_str(), info.st_mode & 0700);
    return;
  }
  const int file =
      open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) close(file);  // Else SQLite says why.
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
  HideFile(path);
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
  SqlStatement revisions(database_.get(), kReadRevisions);
  for (code = revisions.Step(); code == SQLITE_ROW; code = revisions.Step()) {
    const auto state = states.find(revisions.Text(0));
    if (state == states.end()) continue;
    state->second.revisions.push_back(RevisionOf(revisions));
  }
  if (code != SQLITE_DONE) return Fault(database_.get(), path_);
  SqlStatement demotions(database_.get(), kReadDemotions);
  for (code = demotions.Step(); code == SQLITE_ROW; code = demotions.Step()) {
    const auto state = states.find(demotions.Text(0));
    if (state == states.end()) continue;
    state->second.demotions.push_back(
        {.sha256 = demotions.Text(1),
         .reason = demotions.Text(2),
         .time = absl::FromUnixNanos(demotions.Number(3))});
  }
  if (code != SQLITE_DONE) return Fault(database_.get(), path_);
  return states;
}

absl::Status StateStore::Write(absl::string_view id,
                               const DesiredState& state) {
  MutexLock lock(&mu_);
  absl::Status status = Run(database_.get(), path_, "BEGIN IMMEDIATE");
  if (status.ok()) {
    const int code = WriteAll(database_.get(), id, state);
    status = code == SQLITE_DONE ? Run(database_.get(), path_, "COMMIT")
                                 : Fault(database_.get(), path_);
    if (code != SQLITE_DONE) {
      sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("keeping the state of ", id));
}

absl::Status StateStore::Forget(absl::string_view id) {
  MutexLock lock(&mu_);
  absl::Status status = Run(database_.get(), path_, "BEGIN IMMEDIATE");
  if (status.ok()) {
    int code = SQLITE_DONE;
    for (const char* const table :
         {"DELETE FROM plugin WHERE id = ?",
          "DELETE FROM config_revision WHERE id = ?", kForgetDemotions}) {
      SqlStatement forget(database_.get(), table);
      forget.Bind(id);
      if (code == SQLITE_DONE) code = forget.Step();
    }
    status = code == SQLITE_DONE ? Run(database_.get(), path_, "COMMIT")
                                 : Fault(database_.get(), path_);
    if (code != SQLITE_DONE) {
      sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("forgetting the state of ", id));
}

}  // namespace weir
