#include "host/steward/outbox_store.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "host/sqlite/begin_anew.h"
#include "host/sqlite/sqlite_statement.h"

namespace weir {
namespace {

constexpr char kMakeTables[] = R"sql(
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS given_up (
    number INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  PRAGMA incremental_vacuum;
)sql";

constexpr char kAdd[] = "INSERT INTO waiting (number, body) VALUES (?1, ?2)";
constexpr char kRemove[] = "DELETE FROM waiting WHERE number = ?1";
constexpr char kKeep[] =
    "INSERT OR REPLACE INTO given_up (number, time_ns, reason, body) "
    "SELECT number, ?2, ?3, body FROM waiting WHERE number = ?1";
constexpr char kTrim[] = R"sql(
  DELETE FROM given_up WHERE number IN (
    SELECT number FROM (
      SELECT number,
             sum(length(body) + length(reason)) OVER
                 (ORDER BY time_ns DESC, number DESC) AS total
      FROM given_up)
    WHERE total > ?1)
)sql";
constexpr char kRevive[] =
    "INSERT INTO waiting (number, body) "
    "SELECT ?2, body FROM given_up WHERE number = ?1";
constexpr char kForget[] = "DELETE FROM given_up WHERE number = ?1";
constexpr char kBody[] = "SELECT body FROM waiting WHERE number = ?1";
constexpr char kList[] =
    "SELECT number, time_ns, reason, body FROM given_up WHERE number > ?1 "
    "ORDER BY number LIMIT ?2";

absl::StatusOr<std::unique_ptr<SqliteConnection>> TryOpen(
    const std::string& path, const std::string& vfs) {
  auto database =
      SqliteConnection::Open({.path = path,
                              .without_it = "what waited in it is not sent",
                              .one_each = "a state_dir",
                              .vfs = vfs},
                             SqliteConnection::Access::kCreate);
  if (!database.ok()) return database;
  absl::Status made = (*database)->Run(kMakeTables);
  if (!made.ok()) return made;
  // That the tables have our columns, and that all of it can be read.
  for (const char* sql : {"SELECT number, time_ns, reason, body FROM given_up",
                          "SELECT number, body FROM waiting"}) {
    absl::Status read = SqliteStatement(**database, sql).Finish();
    if (!read.ok()) return read;
  }
  return database;
}

}  // namespace

OutboxStore::OutboxStore(std::unique_ptr<SqliteConnection> database)
    : database_(std::move(database)) {}

OutboxStore::~OutboxStore() = default;

absl::StatusOr<std::unique_ptr<OutboxStore>> OutboxStore::Open(
    const std::string& path, const std::string& vfs, std::string* moved_away) {
  auto database = OpenOrBeginAnew(
      path, [&] { return TryOpen(path, vfs); }, moved_away);
  if (!database.ok()) return database.status();
  return std::unique_ptr<OutboxStore>(new OutboxStore(*std::move(database)));
}

absl::Status OutboxStore::Commit(bool sync,
                                 absl::FunctionRef<absl::Status()> write) {
  absl::Status status = database_->Run(sync ? "PRAGMA synchronous = FULL"
                                            : "PRAGMA synchronous = NORMAL");
  return status.ok() ? database_->Transact(write) : status;
}

absl::StatusOr<uint64_t> OutboxStore::LastNumber() {
  MutexLock lock(&mu_);
  const auto last = database_->AskNumber(
      "SELECT coalesce(max(seq), 0) FROM sqlite_sequence "
      "WHERE name = 'waiting'");
  if (!last.ok()) return last.status();
  return static_cast<uint64_t>(*last);
}

absl::Status OutboxStore::ForEachWaiting(
    const std::function<void(uint64_t, absl::string_view)>& see) {
  MutexLock lock(&mu_);
  SqliteStatement rows(*database_,
                       "SELECT number, body FROM waiting ORDER BY number");
  while (rows.Step()) {
    see(static_cast<uint64_t>(rows.Number(0)), rows.Bytes(1));
  }
  return rows.status();
}

absl::StatusOr<std::string> OutboxStore::Body(uint64_t number) {
  MutexLock lock(&mu_);
  SqliteStatement row(*database_, kBody);
  if (row.Bind(number).Step()) return row.Text(0);
  if (!row.status().ok()) return row.status();
  return absl::NotFoundError(absl::StrCat(number, " does not wait"));
}

absl::Status OutboxStore::Add(const std::vector<Entry>& entries) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  return Commit(/*sync=*/true, [&] {
    SqliteStatement add(database, kAdd);
    absl::Status status;
    for (const Entry& entry : entries) {
      if (!status.ok()) break;
      status = add.Bind(entry.number).BindBytes(entry.body).Finish();
    }
    return status;
  });
}

absl::Status OutboxStore::Remove(const std::vector<uint64_t>& numbers) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  return Commit(/*sync=*/false, [&] {
    SqliteStatement remove(database, kRemove);
    absl::Status status;
    for (const uint64_t number : numbers) {
      if (!status.ok()) break;
      status = remove.Bind(number).Finish();
    }
    return status;
  });
}

absl::StatusOr<uint64_t> OutboxStore::GiveUp(
    const std::vector<GivenUp>& given_up, uint64_t max_bytes) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  uint64_t dropped = 0;
  absl::Status status = Commit(/*sync=*/true, [&] {
    SqliteStatement keep(database, kKeep);
    SqliteStatement remove(database, kRemove);
    absl::Status written;
    for (const GivenUp& one : given_up) {
      written = keep.Bind(one.number)
                    .Bind(absl::ToUnixNanos(one.time))
                    .BindText(one.reason)
                    .Finish();
      if (written.ok()) written = remove.Bind(one.number).Finish();
      if (!written.ok()) return written;
    }
    written = SqliteStatement(database, kTrim).Bind(max_bytes).Finish();
    dropped = static_cast<uint64_t>(database.changes());
    return written;
  });
  if (!status.ok()) return status;
  return dropped;
}

absl::StatusOr<std::vector<OutboxStore::GivenUp>> OutboxStore::ListGivenUp(
    uint64_t after, size_t limit) {
  MutexLock lock(&mu_);
  SqliteStatement rows(*database_, kList);
  rows.Bind(after).Bind(static_cast<uint64_t>(limit));
  std::vector<GivenUp> list;
  while (rows.Step()) {
    list.push_back({.number = static_cast<uint64_t>(rows.Number(0)),
                    .time = absl::FromUnixNanos(rows.Number(1)),
                    .reason = rows.Text(2),
                    .body = rows.Text(3)});
  }
  if (!rows.status().ok()) return rows.status();
  return list;
}

absl::StatusOr<uint64_t> OutboxStore::CountGivenUp() {
  MutexLock lock(&mu_);
  const auto count = database_->AskNumber("SELECT count(*) FROM given_up");
  if (!count.ok()) return count.status();
  return static_cast<uint64_t>(*count);
}

absl::StatusOr<std::vector<OutboxStore::Entry>> OutboxStore::Revive(
    const std::vector<std::pair<uint64_t, uint64_t>>& numbers) {
  MutexLock lock(&mu_);
  SqliteConnection& database = *database_;
  std::vector<Entry> entries;
  absl::Status status = Commit(/*sync=*/true, [&] {
    SqliteStatement revive(database, kRevive);
    SqliteStatement forget(database, kForget);
    SqliteStatement row(database, kBody);
    absl::Status revived;
    for (const auto& [old_number, number] : numbers) {
      revived = revive.Bind(old_number).Bind(number).Finish();
      if (!revived.ok()) return revived;
      if (database.changes() == 0) {
        return absl::NotFoundError(
            absl::StrCat(old_number, " is not kept, or not any more"));
      }
      revived = forget.Bind(old_number).Finish();
      if (!revived.ok()) return revived;
      if (!row.Bind(number).Step()) return row.status();
      entries.push_back({number, row.Text(0)});
      row.Reset();
    }
    return revived;
  });
  if (!status.ok()) return status;
  return entries;
}

}  // namespace weir
