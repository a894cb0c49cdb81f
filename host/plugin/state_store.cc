#include "host/plugin/state_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/sqlite/sqlite_statement.h"
#include "host/status/annotate.h"

namespace weir {
namespace {

// What happens if the file is moved away.
constexpr char kWithoutIt[] =
    "every plugin of the folder is then loaded, and quarantines are forgotten";

// Those of version 1; kUpgrades makes the rest.
constexpr char kMakeTables[] = R"sql(
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
)sql";

// From each version to the next, from 1 on.
constexpr const char* kUpgrades[] = {
    R"sql(
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
)sql",
    // Nothing has ever set `demoted`.
    R"sql(
  ALTER TABLE plugin DROP COLUMN demoted;
  CREATE TABLE demotion (
    id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    PRIMARY KEY (id, sha256)
  ) STRICT, WITHOUT ROWID;
  UPDATE schema_version SET version = 3;
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
absl::Status SetUp(SqliteConnection& database) {
  absl::Status status = database.Run("PRAGMA locking_mode = EXCLUSIVE");
  if (status.ok()) status = database.UseWriteAheadLog();
  return status.ok() ? database.Run("PRAGMA synchronous = FULL") : status;
}

absl::Status CheckPages(SqliteConnection& database) {
  SqliteStatement check(database, "PRAGMA integrity_check(1)");
  if (!check.Step()) return check.status();
  const std::string found = check.Text(0);
  return found == "ok" ? absl::OkStatus() : database.Damaged(found);
}

// Brings the tables of `version` to those of today.
absl::Status Upgrade(SqliteConnection& database, int64_t version) {
  for (; version < StateStore::kSchemaVersion; ++version) {
    absl::Status upgraded =
        database.Transact([&] { return database.Run(kUpgrades[version - 1]); });
    if (!upgraded.ok()) return upgraded;
  }
  return absl::OkStatus();
}

// Makes the tables in a new file; checks in another that it is ours.
absl::Status CheckSchema(SqliteConnection& database) {
  const auto tables = database.AskNumber("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*tables == 0) {
    absl::Status made =
        database.Transact([&] { return database.Run(kMakeTables); });
    return made.ok() ? Upgrade(database, 1) : made;
  }
  const auto ours = database.AskNumber(
      "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'");
  if (!ours.ok()) return ours.status();
  if (*ours == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.path(),
                     ": a database of something else; give the host a "
                     "state_dir of its own"));
  }
  const auto version = database.AskNumber(
      "SELECT coalesce(max(version), 0) FROM schema_version");
  if (!version.ok()) return version.status();
  if (*version > StateStore::kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.path(), ": written by a newer weir, schema ",
                     *version, "; this one knows ", StateStore::kSchemaVersion,
                     ": start the newer one, or move it and ", database.path(),
                     "-wal away: ", kWithoutIt));
  }
  if (*version < 1) return database.Damaged(absl::StrCat("schema ", *version));
  absl::Status upgraded = Upgrade(database, *version);
  if (!upgraded.ok()) return upgraded;
  // That its tables have our columns.
  for (const char* const read : {kReadAll, kReadRevisions, kReadDemotions}) {
    SqliteStatement rows(database, read);
    rows.Step();
    if (!rows.status().ok()) return rows.status();
  }
  return absl::OkStatus();
}

DesiredState StateOf(const SqliteStatement& row) {
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

ConfigRevision RevisionOf(const SqliteStatement& row) {
  return {.number = static_cast<uint64_t>(row.Number(1)),
          .config_json = row.Text(2),
          .config_set = row.Number(3) != 0,
          .settings_set = row.Text(4),
          .file_config_sha256 = row.Text(5),
          .file_settings_sha256 = row.Text(6),
          .actor = row.Text(7),
          .time = absl::FromUnixNanos(row.Number(8))};
}

absl::Status WriteRevision(SqliteConnection& database, absl::string_view id,
                           const ConfigRevision& revision) {
  return SqliteStatement(database, kWriteRevision)
      .BindText(id)
      .Bind(revision.number)
      .BindText(revision.config_json)
      .Bind(int64_t{revision.config_set})
      .BindBytes(revision.settings_set)
      .BindText(revision.file_config_sha256)
      .BindText(revision.file_settings_sha256)
      .BindText(revision.actor)
      .Bind(absl::ToUnixNanos(revision.time))
      .Finish();
}

absl::Status WriteDemotions(SqliteConnection& database, absl::string_view id,
                            const DesiredState& state) {
  absl::Status status =
      SqliteStatement(database, kForgetDemotions).BindText(id).Finish();
  for (const DesiredState::Demotion& demotion : state.demotions) {
    if (!status.ok()) break;
    status = SqliteStatement(database, kWriteDemotion)
                 .BindText(id)
                 .BindText(demotion.sha256)
                 .BindText(demotion.reason)
                 .Bind(absl::ToUnixNanos(demotion.time))
                 .Finish();
  }
  return status;
}

absl::Status WriteState(SqliteConnection& database, absl::string_view id,
                        const DesiredState& state) {
  SqliteStatement write(database, kWrite);
  write.BindText(id)
      .Bind(int64_t{state.desired == DesiredState::Desired::kLoaded})
      .Bind(int64_t{state.paused})
      .BindText(state.pinned_module)
      .BindText(state.pinned_sha256)
      .BindText(state.previous_sha256);
  if (state.quarantine.has_value()) {
    write.BindText(state.quarantine->sha256)
        .BindText(state.quarantine->reason)
        .BindText(state.quarantine->actor)
        .Bind(absl::ToUnixNanos(state.quarantine->time));
  } else {
    for (int i = 0; i < 4; ++i) write.BindNull();
  }
  return write.Bind(state.previous_revision).Finish();
}

// Writes all that belongs to one slot, within a transaction.
absl::Status WriteAll(SqliteConnection& database, absl::string_view id,
                      const DesiredState& state) {
  absl::Status status = WriteState(database, id, state);
  for (const ConfigRevision& revision : state.revisions) {
    if (status.ok()) status = WriteRevision(database, id, revision);
  }
  if (!status.ok()) return status;
  status = SqliteStatement(database, kForgetRevisions)
               .BindText(id)
               .Bind(state.revisions.empty()
                         ? INT64_MAX
                         : static_cast<int64_t>(state.revisions.front().number))
               .Finish();
  return status.ok() ? WriteDemotions(database, id, state) : status;
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

StateStore::StateStore(std::unique_ptr<SqliteConnection> database)
    : database_(std::move(database)) {}

StateStore::~StateStore() = default;

absl::StatusOr<std::unique_ptr<StateStore>> StateStore::Open(
    const std::string& path) {
  absl::Status status = CheckDirectory(path);
  if (!status.ok()) return status;
  HideFile(path);
  auto database = SqliteConnection::Open(
      {.path = path, .without_it = kWithoutIt, .one_each = "a state_dir"},
      SqliteConnection::Access::kCreate);
  if (!database.ok()) return database.status();
  for (const auto step : {&SetUp, &CheckPages, &CheckSchema}) {
    status = step(**database);
    if (!status.ok()) return status;
  }
  return std::unique_ptr<StateStore>(new StateStore(*std::move(database)));
}

absl::StatusOr<std::map<std::string, DesiredState>> StateStore::ReadAll() {
  MutexLock lock(&mu_);
  SqliteStatement rows(*database_, kReadAll);
  std::map<std::string, DesiredState> states;
  while (rows.Step()) states.emplace(rows.Text(0), StateOf(rows));
  if (!rows.status().ok()) return rows.status();
  SqliteStatement revisions(*database_, kReadRevisions);
  while (revisions.Step()) {
    const auto state = states.find(revisions.Text(0));
    if (state == states.end()) continue;
    state->second.revisions.push_back(RevisionOf(revisions));
  }
  if (!revisions.status().ok()) return revisions.status();
  SqliteStatement demotions(*database_, kReadDemotions);
  while (demotions.Step()) {
    const auto state = states.find(demotions.Text(0));
    if (state == states.end()) continue;
    state->second.demotions.push_back(
        {.sha256 = demotions.Text(1),
         .reason = demotions.Text(2),
         .time = absl::FromUnixNanos(demotions.Number(3))});
  }
  if (!demotions.status().ok()) return demotions.status();
  return states;
}

absl::Status StateStore::Write(absl::string_view id,
                               const DesiredState& state) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  const absl::Status status =
      database.Transact([&] { return WriteAll(database, id, state); });
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("keeping the state of ", id));
}

absl::Status StateStore::Forget(absl::string_view id) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  const absl::Status status = database.Transact([&] {
    absl::Status forgotten;
    for (const char* const table :
         {"DELETE FROM plugin WHERE id = ?",
          "DELETE FROM config_revision WHERE id = ?", kForgetDemotions}) {
      if (!forgotten.ok()) break;
      forgotten = SqliteStatement(database, table).BindText(id).Finish();
    }
    return forgotten;
  });
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("forgetting the state of ", id));
}

}  // namespace weir
