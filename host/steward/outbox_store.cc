#include "host/steward/outbox_store.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

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

// One statement, which may be run several times.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    prepared_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(uint64_t number) {
    return Bind(static_cast<int64_t>(number));
  }
  Statement& Bind(int64_t number) {
    sqlite3_bind_int64(statement_, ++parameter_, number);
    return *this;
  }
  // What is bound must live until the last Step.
  Statement& BindText(absl::string_view text) {
    sqlite3_bind_text64(statement_, ++parameter_,
                        text.empty() ? "" : text.data(), text.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& BindBlob(absl::string_view bytes) {
    sqlite3_bind_blob64(statement_, ++parameter_,
                        bytes.empty() ? "" : bytes.data(), bytes.size(),
                        SQLITE_STATIC);
    return *this;
  }
  int Step() {
    return prepared_ == SQLITE_OK ? sqlite3_step(statement_) : prepared_;
  }
  // Runs one that returns nothing, and makes it ready for the next.
  bool Finish() {
    const int code = Step();
    sqlite3_reset(statement_);
    parameter_ = 0;
    return code == SQLITE_DONE;
  }
  int64_t Number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  absl::string_view Bytes(int column) const {
    const void* const bytes = sqlite3_column_blob(statement_, column);
    const auto length =
        static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr
               ? absl::string_view()
               : absl::string_view(static_cast<const char*>(bytes), length);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int prepared_;
  int parameter_ = 0;
};

absl::Status FaultOf(sqlite3* database, const std::string& path) {
  const int code = sqlite3_errcode(database) & 0xff;
  const std::string text = absl::StrCat(path, ": ", sqlite3_errmsg(database));
  switch (code) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(text, "; make room on that disk"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(absl::StrCat(
          text,
          "; another process uses it: give each host a state_dir of "
          "its own"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
      return absl::DataLossError(absl::StrCat(text, "; it is damaged"));
    default:
      return absl::UnavailableError(absl::StrCat(
          text, "; see whether the disk works, and may be written to"));
  }
}

}  // namespace

void OutboxStore::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

OutboxStore::OutboxStore(std::string path, Connection database)
    : path_(std::move(path)), database_(std::move(database)) {}

OutboxStore::~OutboxStore() = default;

absl::StatusOr<OutboxStore::Connection> OutboxStore::TryOpen(
    const std::string& path, const std::string& vfs) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      vfs.empty() ? nullptr : vfs.c_str());
  Connection database(opened);  // There is one even then, to be asked why.
  if (code != SQLITE_OK || sqlite3_exec(opened, kMakeTables, nullptr, nullptr,
                                        nullptr) != SQLITE_OK) {
    return FaultOf(opened, path);
  }
  // That the tables have our columns, and that all of it can be read.
  for (const char* sql : {"SELECT number, time_ns, reason, body FROM given_up",
                          "SELECT number, body FROM waiting"}) {
    Statement rows(opened, sql);
    int step = rows.Step();
    while (step == SQLITE_ROW) step = rows.Step();
    if (step != SQLITE_DONE) return FaultOf(opened, path);
  }
  return database;
}

absl::StatusOr<std::unique_ptr<OutboxStore>> OutboxStore::Open(
    const std::string& path, const std::string& vfs, std::string* moved_away) {
  moved_away->clear();
  absl::StatusOr<Connection> database = TryOpen(path, vfs);
  if (absl::IsDataLoss(database.status())) {
    const std::string aside = absl::StrCat(path, ".damaged");
    if (std::rename(path.c_str(), aside.c_str()) != 0) {
      return absl::UnavailableError(
          absl::StrCat(path, ": cannot be read, nor renamed to ", aside, ": ",
                       std::strerror(errno)));
    }
    // They belong to the file that is gone.
    std::rename(absl::StrCat(path, "-wal").c_str(),
                absl::StrCat(aside, "-wal").c_str());
    std::remove(absl::StrCat(path, "-shm").c_str());
    *moved_away = absl::StrCat(database.status().message(), ": it is ", aside,
                               " now, with the messages that waited in it, and "
                               "a new one is begun");
    database = TryOpen(path, vfs);
  }
  if (!database.ok()) return database.status();
  return std::unique_ptr<OutboxStore>(
      new OutboxStore(path, *std::move(database)));
}

absl::Status OutboxStore::Fault() const {
  return FaultOf(database_.get(), path_);
}

absl::Status OutboxStore::Run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) ==
      SQLITE_OK) {
    return absl::OkStatus();
  }
  return Fault();
}

absl::Status OutboxStore::Commit(bool sync,
                                 const std::function<absl::Status()>& write) {
  absl::Status status =
      Run(sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (status.ok()) status = Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status = write();
  if (status.ok()) status = Run("COMMIT");
  // SQLite has rolled it back already, of some errors.
  if (!status.ok()) Run("ROLLBACK").IgnoreError();
  return status;
}

absl::StatusOr<uint64_t> OutboxStore::LastNumber() {
  MutexLock lock(&mu_);
  Statement ask(database_.get(),
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence "
                "WHERE name = 'waiting'");
  if (ask.Step() != SQLITE_ROW) return Fault();
  return static_cast<uint64_t>(ask.Number(0));
}

absl::Status OutboxStore::ForEachWaiting(
    const std::function<void(uint64_t, absl::string_view)>& see) {
  MutexLock lock(&mu_);
  Statement rows(database_.get(),
                 "SELECT number, body FROM waiting ORDER BY number");
  int code = rows.Step();
  for (; code == SQLITE_ROW; code = rows.Step()) {
    see(static_cast<uint64_t>(rows.Number(0)), rows.Bytes(1));
  }
  return code == SQLITE_DONE ? absl::OkStatus() : Fault();
}

absl::StatusOr<std::string> OutboxStore::Body(uint64_t number) {
  MutexLock lock(&mu_);
  Statement row(database_.get(), kBody);
  const int code = row.Bind(number).Step();
  if (code == SQLITE_DONE) {
    return absl::NotFoundError(absl::StrCat(number, " does not wait"));
  }
  if (code != SQLITE_ROW) return Fault();
  return std::string(row.Bytes(0));
}

absl::Status OutboxStore::Add(const std::vector<Entry>& entries) {
  MutexLock lock(&mu_);
  return Commit(/*sync=*/true, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Statement add(database_.get(), kAdd);
    for (const Entry& entry : entries) {
      if (!add.Bind(entry.number).BindBlob(entry.body).Finish()) return Fault();
    }
    return absl::OkStatus();
  });
}

absl::Status OutboxStore::Remove(const std::vector<uint64_t>& numbers) {
  MutexLock lock(&mu_);
  return Commit(/*sync=*/false, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Statement remove(database_.get(), kRemove);
    for (const uint64_t number : numbers) {
      if (!remove.Bind(number).Finish()) return Fault();
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<uint64_t> OutboxStore::GiveUp(
    const std::vector<GivenUp>& given_up, uint64_t max_bytes) {
  MutexLock lock(&mu_);
  uint64_t dropped = 0;
  const absl::Status status =
      Commit(/*sync=*/true, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        Statement keep(database_.get(), kKeep);
        Statement remove(database_.get(), kRemove);
        for (const GivenUp& one : given_up) {
          if (!keep.Bind(one.number)
                   .Bind(absl::ToUnixNanos(one.time))
                   .BindText(one.reason)
                   .Finish() ||
              !remove.Bind(one.number).Finish()) {
            return Fault();
          }
        }
        Statement trim(database_.get(), kTrim);
        if (!trim.Bind(max_bytes).Finish()) return Fault();
        dropped = static_cast<uint64_t>(sqlite3_changes(database_.get()));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return dropped;
}

absl::StatusOr<std::vector<OutboxStore::GivenUp>> OutboxStore::ListGivenUp(
    uint64_t after, size_t limit) {
  MutexLock lock(&mu_);
  Statement rows(database_.get(), kList);
  rows.Bind(after).Bind(static_cast<uint64_t>(limit));
  std::vector<GivenUp> list;
  int code = rows.Step();
  for (; code == SQLITE_ROW; code = rows.Step()) {
    list.push_back({.number = static_cast<uint64_t>(rows.Number(0)),
                    .time = absl::FromUnixNanos(rows.Number(1)),
                    .reason = std::string(rows.Bytes(2)),
                    .body = std::string(rows.Bytes(3))});
  }
  if (code != SQLITE_DONE) return Fault();
  return list;
}

absl::StatusOr<uint64_t> OutboxStore::CountGivenUp() {
  MutexLock lock(&mu_);
  Statement ask(database_.get(), "SELECT count(*) FROM given_up");
  if (ask.Step() != SQLITE_ROW) return Fault();
  return static_cast<uint64_t>(ask.Number(0));
}

absl::StatusOr<std::vector<OutboxStore::Entry>> OutboxStore::Revive(
    const std::vector<std::pair<uint64_t, uint64_t>>& numbers) {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  const absl::Status status =
      Commit(/*sync=*/true, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        Statement revive(database_.get(), kRevive);
        Statement forget(database_.get(), kForget);
        for (const auto& [old_number, number] : numbers) {
          if (!revive.Bind(old_number).Bind(number).Finish()) return Fault();
          if (sqlite3_changes(database_.get()) == 0) {
            return absl::NotFoundError(
                absl::StrCat(old_number, " is not kept, or not any more"));
          }
          if (!forget.Bind(old_number).Finish()) return Fault();
          Statement row(database_.get(), kBody);
          if (row.Bind(number).Step() != SQLITE_ROW) return Fault();
          entries.push_back({number, std::string(row.Bytes(0))});
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return entries;
}

}  // namespace weir
