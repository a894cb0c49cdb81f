#include "host/plugin/poison_store.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "host/sqlite/begin_anew.h"
#include "host/sqlite/sqlite_statement.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

// Numbers of SQLite are signed; those that are not keep their bits.
constexpr char kMakeTable[] = R"sql(
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS poison (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    generation INTEGER NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    cause TEXT NOT NULL,
    frames TEXT NOT NULL,  -- One a line.
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    count INTEGER NOT NULL,
    type_id INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    ts_ns INTEGER NOT NULL,
    recv_ns INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    trace_hi INTEGER NOT NULL,
    trace_lo INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    fields BLOB NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (plugin, sha256, fingerprint)
  ) STRICT;
)sql";

constexpr char kKeep[] = R"sql(
  INSERT INTO poison (plugin, sha256, fingerprint, generation, source, type,
      cause, frames, first_ns, last_ns, count, type_id, flags, seq, ts_ns,
      recv_ns, source_id, trace_hi, trace_lo, payload_bytes, whole, fields,
      bytes)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 1, ?10, ?11, ?12, ?13, ?14,
      ?15, ?16, ?17, ?18, ?19, ?20, ?21)
  ON CONFLICT (plugin, sha256, fingerprint) DO UPDATE SET
      generation = excluded.generation, source = excluded.source,
      cause = excluded.cause, frames = excluded.frames,
      last_ns = excluded.last_ns, count = count + 1,
      type_id = excluded.type_id, flags = excluded.flags, seq = excluded.seq,
      ts_ns = excluded.ts_ns, recv_ns = excluded.recv_ns,
      source_id = excluded.source_id, trace_hi = excluded.trace_hi,
      trace_lo = excluded.trace_lo, payload_bytes = excluded.payload_bytes,
      whole = excluded.whole, fields = excluded.fields, bytes = excluded.bytes
)sql";

constexpr char kTrim[] = R"sql(
  DELETE FROM poison WHERE number IN (
    SELECT number FROM (
      SELECT number,
             row_number() OVER newest AS place,
             sum(length(bytes) + length(fields)) OVER newest AS total
      FROM poison WHERE plugin = ?1
      WINDOW newest AS (ORDER BY last_ns DESC, number DESC))
    WHERE place > ?2 OR total > ?3)
)sql";

#define WEIR_POISON_COLUMNS                                                 \
  "number, plugin, sha256, fingerprint, generation, source, type, cause, "  \
  "frames, first_ns, last_ns, count, type_id, flags, seq, ts_ns, recv_ns, " \
  "source_id, trace_hi, trace_lo, payload_bytes, whole"

constexpr char kList[] = "SELECT " WEIR_POISON_COLUMNS
                         " FROM poison WHERE ?1 = 'plugins/-' OR plugin = ?1 "
                         "ORDER BY last_ns DESC, number DESC";
constexpr char kGet[] = "SELECT " WEIR_POISON_COLUMNS
                        ", fields, bytes FROM poison "
                        "WHERE plugin = ?1 AND number = ?2";
constexpr char kFind[] =
    "SELECT " WEIR_POISON_COLUMNS
    " FROM poison WHERE plugin = ?1 AND sha256 = ?2 AND fingerprint = ?3";

#undef WEIR_POISON_COLUMNS

PoisonMessage Read(const SqliteStatement& row) {
  PoisonMessage poison;
  poison.number = static_cast<uint64_t>(row.Number(0));
  poison.plugin = row.Text(1);
  poison.plugin_sha256 = row.Text(2);
  poison.fingerprint = row.Text(3);
  poison.generation = static_cast<uint64_t>(row.Number(4));
  poison.source = row.Text(5);
  poison.type = row.Text(6);
  poison.cause = row.Text(7);
  poison.frames = absl::StrSplit(row.Text(8), '\n', absl::SkipEmpty());
  poison.first_time = absl::FromUnixNanos(row.Number(9));
  poison.last_time = absl::FromUnixNanos(row.Number(10));
  poison.count = static_cast<uint32_t>(row.Number(11));
  MessageCopy& message = poison.message;
  message.type_id = static_cast<uint16_t>(row.Number(12));
  message.flags = static_cast<uint16_t>(row.Number(13));
  message.seq = static_cast<uint64_t>(row.Number(14));
  message.ts_ns = row.Number(15);
  message.recv_ns = row.Number(16);
  message.source_id = static_cast<uint32_t>(row.Number(17));
  message.trace_hi = static_cast<uint64_t>(row.Number(18));
  message.trace_lo = static_cast<uint64_t>(row.Number(19));
  message.payload_bytes = static_cast<uint64_t>(row.Number(20));
  message.whole = row.Number(21) != 0;
  return poison;
}

std::vector<weir_field> FieldsOf(absl::string_view blob) {
  std::vector<weir_field> fields(blob.size() / sizeof(weir_field));
  if (!fields.empty()) {
    std::memcpy(fields.data(), blob.data(), fields.size() * sizeof(weir_field));
  }
  return fields;
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> TryOpen(
    const std::string& path) {
  auto database = SqliteConnection::Open(
      {.path = path,
       .without_it = "poison messages are then forgotten",
       .one_each = "a state_dir"},
      SqliteConnection::Access::kCreate);
  if (!database.ok()) return database;
  absl::Status made = (*database)->Run(kMakeTable);
  if (!made.ok()) return made;
  // That the table has our columns.
  SqliteStatement get(**database, kGet);
  get.Step();
  if (!get.status().ok()) return get.status();
  return database;
}

}  // namespace

PoisonStore::PoisonStore(std::unique_ptr<SqliteConnection> database)
    : database_(std::move(database)) {}

PoisonStore::~PoisonStore() = default;

absl::StatusOr<std::unique_ptr<PoisonStore>> PoisonStore::Open(
    const std::string& path, std::string* moved_away) {
  auto database = OpenOrBeginAnew(
      path, [&] { return TryOpen(path); }, moved_away);
  if (!database.ok()) return database.status();
  return std::unique_ptr<PoisonStore>(new PoisonStore(*std::move(database)));
}

absl::Status PoisonStore::Write(const PoisonMessage& poison) {
  const MessageCopy& message = poison.message;
  const std::string frames = absl::StrJoin(poison.frames, "\n");
  absl::Status status =
      SqliteStatement(*database_, kKeep)
          .BindText(poison.plugin)
          .BindText(poison.plugin_sha256)
          .BindText(poison.fingerprint)
          .Bind(poison.generation)
          .BindText(poison.source)
          .BindText(poison.type)
          .BindText(poison.cause)
          .BindText(frames)
          .Bind(absl::ToUnixNanos(poison.last_time))
          .Bind(int64_t{message.type_id})
          .Bind(int64_t{message.flags})
          .Bind(message.seq)
          .Bind(message.ts_ns)
          .Bind(message.recv_ns)
          .Bind(int64_t{message.source_id})
          .Bind(message.trace_hi)
          .Bind(message.trace_lo)
          .Bind(message.payload_bytes)
          .Bind(int64_t{message.whole})
          .BindBytes({reinterpret_cast<const char*>(message.fields.data()),
                      message.fields.size() * sizeof(weir_field)})
          .BindBytes(message.bytes)
          .Finish();
  if (!status.ok()) return status;
  return SqliteStatement(*database_, kTrim)
      .BindText(poison.plugin)
      .Bind(kMaxMessages)
      .Bind(kMaxBytes)
      .Finish();
}

absl::StatusOr<PoisonMessage> PoisonStore::Keep(const PoisonMessage& poison) {
  MutexLock lock(&mu_);
  const absl::Status written = database_->Transact(
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return Write(poison); });
  if (!written.ok()) return written;
  SqliteStatement find(*database_, kFind);
  find.BindText(poison.plugin)
      .BindText(poison.plugin_sha256)
      .BindText(poison.fingerprint);
  if (find.Step()) return Read(find);
  return find.status().ok()
             ? database_->Damaged("what was written is not there")
             : find.status();
}

absl::StatusOr<std::vector<PoisonMessage>> PoisonStore::List(
    absl::string_view plugin) {
  MutexLock lock(&mu_);
  SqliteStatement rows(*database_, kList);
  rows.BindText(plugin);
  std::vector<PoisonMessage> list;
  while (rows.Step()) list.push_back(Read(rows));
  if (!rows.status().ok()) return rows.status();
  return list;
}

absl::StatusOr<PoisonMessage> PoisonStore::Get(absl::string_view plugin,
                                               uint64_t number) {
  MutexLock lock(&mu_);
  SqliteStatement row(*database_, kGet);
  if (!row.BindText(plugin).Bind(number).Step()) {
    if (!row.status().ok()) return row.status();
    return absl::NotFoundError(
        absl::StrCat(plugin, "/poisonMessages/", number,
                     ": not kept, or not any more; ListPoisonMessages names "
                     "those that are"));
  }
  PoisonMessage poison = Read(row);
  poison.message.fields = FieldsOf(row.Bytes(22));
  poison.message.bytes = row.Text(23);
  return poison;
}

uint32_t PoisonStore::Count(absl::string_view plugin) {
  MutexLock lock(&mu_);
  SqliteStatement count(*database_,
                        "SELECT count(*) FROM poison WHERE plugin = ?");
  return count.BindText(plugin).Step() ? static_cast<uint32_t>(count.Number(0))
                                       : 0;
}

absl::Status PoisonStore::Forget(absl::string_view plugin) {
  MutexLock lock(&mu_);
  return SqliteStatement(*database_, "DELETE FROM poison WHERE plugin = ?")
      .BindText(plugin)
      .Finish();
}

}  // namespace weir
