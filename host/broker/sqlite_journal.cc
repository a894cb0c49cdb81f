#include "host/broker/sqlite_journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "host/broker/chunk.h"
#include "host/sqlite/sqlite_statement.h"

namespace weir {
namespace {

using Access = SqliteConnection::Access;

// meta.sync of a journal whose events are shown ahead of their commit.
constexpr char kAhead[] = "ahead";

// `v` has no type, so a text stays a text and a number a number.
constexpr char kMakeTables[] = R"sql(
  BEGIN IMMEDIATE;
  CREATE TABLE chunk(first INTEGER PRIMARY KEY, n INTEGER NOT NULL,
                     t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
                     codec INTEGER NOT NULL DEFAULT 0, crc INTEGER NOT NULL,
                     body BLOB NOT NULL);
  CREATE INDEX chunk_t ON chunk(t1);
  CREATE TABLE meta(k TEXT PRIMARY KEY, v);
  CREATE TABLE hole(first INTEGER PRIMARY KEY, last INTEGER, reason INTEGER);
  CREATE TABLE sub(name TEXT PRIMARY KEY, proto BLOB, ack_seq INTEGER,
                   updated INTEGER);
  INSERT INTO meta VALUES('format', 1), ('clean', 1);
)sql";

// What a row costs beside its body, about.
constexpr uint64_t kRowOverheadBytes = 64;

std::string DirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// SQLite itself calls a missing and a closed directory by one name.
absl::Status CheckDirectory(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(
      errno, absl::StrCat(path, ": the directory ", directory,
                          " must exist and be writable for the host's user"));
}

// Takes the journal for this process; the kernel gives it back however the
// process ends. Not the file itself: SQLite's own locks on that end when any
// descriptor of it is closed.
absl::StatusOr<int> Lock(const std::string& path) {
  const std::string name = absl::StrCat(path, "-lock");
  const int lock = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", name));
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  close(lock);
  return absl::FailedPreconditionError(absl::StrCat(
      path,
      ": another host has it open; end that one, or give each host a "
      "state_dir and a broker.journal_path of its own"));
}

// Reads a row of `hole`. Returns false for one that cannot be.
bool ReadHole(const SqliteStatement& row, LogHole* hole) {
  if (!IsJournalNumber(row.Number(0)) || !IsJournalNumber(row.Number(1)) ||
      row.Number(1) < row.Number(0)) {
    return false;
  }
  hole->first = static_cast<uint64_t>(row.Number(0));
  hole->last = static_cast<uint64_t>(row.Number(1));
  using Reason = StreamItem::GapReason;
  const auto reason = static_cast<Reason>(row.Number(2));
  const bool known =
      reason == Reason::kRetention || reason == Reason::kCorruption;
  hole->reason = known ? reason : Reason::kUncleanShutdown;
  return true;
}

uint64_t SizeOf(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size)
                                        : 0;
}

}  // namespace

struct SqliteJournal::Statements {
  explicit Statements(const SqliteConnection& db)
      : chunk(db,
              "INSERT INTO chunk(first, n, t0, t1, crc, body) "
              "VALUES(?, ?, ?, ?, ?, ?)"),
        hole(db, "INSERT OR REPLACE INTO hole VALUES(?, ?, ?)"),
        save(db, "INSERT OR REPLACE INTO sub VALUES(?, ?, ?, ?)"),
        forget(db, "DELETE FROM sub WHERE name = ?"),
        meta(db, "INSERT OR REPLACE INTO meta VALUES(?, ?)"),
        oldest(db,
               "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
               "WHERE first > 0 ORDER BY first LIMIT ?"),
        prune(db, "DELETE FROM chunk WHERE first <= ?"),
        prune_holes(db, "DELETE FROM hole WHERE last <= ?") {}

  SqliteStatement chunk, hole, save, forget, meta, oldest, prune, prune_holes;
};

SqliteJournal::SqliteJournal(SqliteJournalOptions options, int lock)
    : options_(std::move(options)), lock_(lock) {}

SqliteJournal::~SqliteJournal() {
  statements_ = nullptr;
  checkpointer_ = nullptr;
  writer_ = nullptr;
  close(lock_);
}

absl::StatusOr<std::unique_ptr<SqliteJournal>> SqliteJournal::Open(
    const SqliteJournalOptions& options) {
  absl::Status status = CheckDirectory(options.path);
  if (!status.ok()) return status;
  const absl::StatusOr<int> lock = Lock(options.path);
  if (!lock.ok()) return lock.status();
  std::unique_ptr<SqliteJournal> journal(new SqliteJournal(options, *lock));
  for (const auto step :
       {&SqliteJournal::SetUp, &SqliteJournal::CheckTables,
        &SqliteJournal::ReadContents, &SqliteJournal::Begin}) {
    status = (journal.get()->*step)();
    if (!status.ok()) return status;
  }
  return journal;
}

SqliteFile SqliteJournal::File() const {
  return {.path = options_.path,
          .without_it = "a new log is then begun",
          .one_each = "a broker.journal_path",
          .vfs = options_.vfs};
}

absl::Status SqliteJournal::SetUp() {
  auto writer = SqliteConnection::Open(File(), Access::kCreate);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  absl::Status status = writer_->UseWriteAheadLog();
  if (!status.ok()) return status;
  status = writer_->Run(options_.full_sync ? "PRAGMA synchronous = FULL"
                                           : "PRAGMA synchronous = NORMAL");
  if (!status.ok()) return status;
  status = writer_->Run(
      "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -1024;"
      "PRAGMA journal_size_limit = 67108864");
  if (!status.ok()) return status;
  sqlite3_wal_hook(
      writer_->get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteJournal*>(self)->wal_pages_.store(
            pages, std::memory_order_relaxed);
        return SQLITE_OK;
      },
      this);
  return absl::OkStatus();
}

absl::Status SqliteJournal::CheckTables() {
  const auto tables = writer_->AskNumber("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*tables == 0) {
    absl::Status made = writer_->Run(kMakeTables);
    if (!made.ok()) return made;
    SqliteStatement epoch(*writer_, "INSERT INTO meta VALUES('epoch', ?)");
    made = epoch.BindText(options_.new_epoch).Finish();
    if (made.ok()) made = writer_->Run("COMMIT");
    if (!made.ok()) return made;
  }
  const auto ours = writer_->AskNumber(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
      "('chunk', 'meta', 'hole', 'sub')");
  if (!ours.ok()) return ours.status();
  if (*ours != 4) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.path,
                     ": a database of something else; set "
                     "broker.journal_path to a file of its own"));
  }
  const auto format = MetaNumber("format");
  if (!format.ok()) return format.status();
  if (*format > kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.path, ": written by a newer weir, format ", *format,
        "; this one knows ", kFormat, ": start the newer one, or move it, ",
        options_.path, "-wal and ", options_.path,
        "-intact away: a new log is then begun"));
  }
  const auto epoch = MetaText("epoch");
  if (!epoch.ok()) return epoch.status();
  if (*format != kFormat || epoch->size() != options_.new_epoch.size()) {
    return writer_->Damaged(
        absl::StrCat("format ", *format, ", epoch '", *epoch, "'"));
  }
  contents_.epoch = *epoch;
  statements_ = std::make_unique<Statements>(*writer_);
  for (const SqliteStatement* statement :
       {&statements_->chunk, &statements_->hole, &statements_->save,
        &statements_->forget, &statements_->meta, &statements_->oldest,
        &statements_->prune, &statements_->prune_holes}) {
    if (!statement->status().ok()) return statement->status();
  }
  auto checkpointer = SqliteConnection::Open(File(), Access::kWrite);
  if (!checkpointer.ok()) return checkpointer.status();
  checkpointer_ = *std::move(checkpointer);
  return checkpointer_->Run(
      "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -128");
}

absl::Status SqliteJournal::ReadContents() {
  const auto pruned = MetaNumber("pruned_seq");
  const auto pruned_time = MetaNumber("pruned_time");
  if (!pruned.ok()) return pruned.status();
  if (!pruned_time.ok()) return pruned_time.status();
  if (*pruned > uint64_t{kMaxJournalNumber}) {
    return writer_->Damaged(
        absl::StrCat("pruned_seq ", static_cast<int64_t>(*pruned)));
  }
  contents_.last = pruned_ = *pruned;
  if (*pruned > 0) {
    contents_.last_time = contents_.gone_time = pruned_time_ =
        absl::FromUnixNanos(static_cast<int64_t>(*pruned_time));
  }
  absl::Status status = ReadHolesAndSubscriptions();
  if (!status.ok()) return status;

  status = ReadNewest();
  if (!status.ok()) return status;
  // If older ones are damaged, who asks for their time is told of them.
  const auto oldest = SoundAfter(*pruned, contents_.last);
  if (!oldest.ok()) return oldest.status();
  if (oldest->has_value()) contents_.earliest_time = (*oldest)->t0;
  const auto rows = writer_->AskNumber("SELECT EXISTS(SELECT 1 FROM chunk)");
  if (!rows.ok()) return rows.status();
  // Not where the oldest row begins: what is missing before that was not taken
  // by retention, but lost. So is all of it, if a hole is all there is.
  const bool any = *rows != 0 || !contents_.holes.empty();
  contents_.earliest = any ? *pruned + 1 : contents_.last + 1;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SqliteJournal::Span>> SqliteJournal::SoundAfter(
    uint64_t after, uint64_t latest) {
  if (sound_after_.has_value() && sound_after_->after == after) {
    return sound_after_;
  }
  std::optional<Span> found;
  SqliteStatement rows(*writer_,
                       "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
                       "WHERE first > ?1 AND first <= ?2 ORDER BY first");
  rows.Bind(after).Bind(latest);
  while (!found.has_value() && rows.Step()) {
    if (!IsSoundJournalRow(rows)) continue;
    found = Span{after, absl::FromUnixNanos(rows.Number(2)),
                 absl::FromUnixNanos(rows.Number(3))};
  }
  rows.Reset();
  if (!rows.status().ok()) return rows.status();
  sound_after_ = found;
  return found;
}

absl::Status SqliteJournal::ReadNewest() {
  SqliteStatement newest(*writer_,
                         "SELECT first, n, t0, t1, crc, codec, body FROM chunk "
                         "WHERE first > 0 ORDER BY first DESC");
  // If a row is damaged, its number may be what is; and nobody knows how many
  // events it had, so as many as there can have been.
  const auto impossible =
      writer_->AskNumber("SELECT count(*) FROM chunk WHERE first < 1");
  if (!impossible.ok()) return impossible.status();
  uint64_t damaged = static_cast<uint64_t>(*impossible) * Chunk::kMaxEvents;
  uint64_t sound = 0;
  while (newest.Step()) {
    if (IsSoundJournalRow(newest)) {
      newest_sound_ = static_cast<uint64_t>(newest.Number(0));
      sound = newest_sound_ + static_cast<uint64_t>(newest.Number(1)) - 1;
      contents_.last = std::max(contents_.last, sound);
      contents_.last_time =
          std::max(contents_.last_time, absl::FromUnixNanos(newest.Number(3)));
      break;
    }
    damaged += Chunk::kMaxEvents;
  }
  newest.Reset();
  if (damaged > 0) NoteDamage(sound, damaged);
  return newest.status();
}

void SqliteJournal::NoteDamage(uint64_t sound, uint64_t damaged) {
  constexpr auto kReason = StreamItem::GapReason::kCorruption;
  // What a hole that was known before says is still true.
  uint64_t next = std::max(sound, pruned_) + 1;
  for (const LogHole& hole : contents_.holes) {
    if (hole.first > next) damaged_.push_back({next, hole.first - 1, kReason});
    next = std::max(next, hole.last + 1);
  }
  const uint64_t last = contents_.last + damaged;
  damaged_.push_back({next, last, kReason});
  contents_.last = last;
  std::vector<LogHole>& holes = contents_.holes;
  holes.insert(holes.end(), damaged_.begin(), damaged_.end());
  std::sort(holes.begin(), holes.end(), [](const LogHole& a, const LogHole& b) {
    return a.first < b.first;
  });
}

absl::Status SqliteJournal::ReadHolesAndSubscriptions() {
  SqliteStatement holes(*writer_,
                        "SELECT first, last, reason FROM hole ORDER BY first");
  while (holes.Step()) {
    LogHole hole;
    if (!ReadHole(holes, &hole)) continue;  // Damaged: told of as what it is.
    contents_.holes.push_back(hole);
    contents_.last = std::max(contents_.last, hole.last);
  }
  if (!holes.status().ok()) return holes.status();
  SqliteStatement subs(*writer_,
                       "SELECT name, proto, ack_seq, updated FROM sub");
  while (subs.Step()) {
    contents_.subscriptions.push_back(
        {std::string(subs.Bytes(0)), std::string(subs.Bytes(1)),
         static_cast<uint64_t>(subs.Number(2)), subs.Number(3)});
  }
  return subs.status();
}

absl::Status SqliteJournal::Begin() {
  const auto clean = MetaNumber("clean");
  const auto boot_id = MetaText("boot_id");
  const auto sync = MetaText("sync");
  const auto reserved = MetaNumber("reserved_seq");
  for (const absl::Status& status :
       {clean.status(), boot_id.status(), sync.status(), reserved.status()}) {
    if (!status.ok()) return status;
  }
  JournalBatch batch;
  batch.holes = damaged_;
  const bool intact =
      access(absl::StrCat(options_.path, "-intact").c_str(), F_OK) == 0;
  uint64_t given = contents_.last;
  const bool machine_forgot = *sync != "full" && *boot_id != options_.boot_id;
  if (*clean == 0 && !intact) {
    given += kDegradedNumbers;
  } else if (*clean == 0 && (*sync == kAhead || machine_forgot)) {
    // One that cannot be was damaged: then as far as degraded mode can go.
    const bool sound = *reserved <= uint64_t{kMaxJournalNumber};
    given = std::max(given, sound ? *reserved : given + kDegradedNumbers);
  }
  if (given > contents_.last) {
    batch.holes.push_back(
        {contents_.last + 1, given, StreamItem::GapReason::kUncleanShutdown});
    contents_.holes.push_back(batch.holes.back());
    contents_.last = given;
  }
  // The file first: without it, what follows counts as not intact.
  absl::Status status = SetIntact(true);
  if (!status.ok()) return status;
  SqliteStatement boot(*writer_,
                       "INSERT OR REPLACE INTO meta VALUES('boot_id', ?1), "
                       "('sync', ?2), ('clean', 0)");
  const char* const unforced = options_.full_sync ? "full" : "normal";
  status = boot.BindText(options_.boot_id)
               .BindText(options_.shown_ahead ? kAhead : unforced)
               .Finish();
  if (!status.ok()) return status;
  status = Transact(batch, given + kReserve);
  if (!status.ok() || damaged_.empty()) return status;
  // Only now, when it is known where numbers go on: nobody can read these rows.
  // If they stayed, each start would count them again.
  SqliteStatement unreadable(*writer_,
                             "DELETE FROM chunk WHERE first < 1 OR first > ?");
  return unreadable.Bind(newest_sound_).Finish();
}

absl::StatusOr<std::string> SqliteJournal::MetaText(const char* key) {
  SqliteStatement meta(*writer_, "SELECT v FROM meta WHERE k = ?");
  meta.BindText(key);
  std::string text;
  if (meta.Step()) text = std::string(meta.Bytes(0));
  meta.Reset();
  if (!meta.status().ok()) return meta.status();
  return text;
}

absl::StatusOr<uint64_t> SqliteJournal::MetaNumber(const char* key) {
  SqliteStatement meta(*writer_, "SELECT v FROM meta WHERE k = ?");
  meta.BindText(key);
  uint64_t number = 0;
  if (meta.Step()) number = static_cast<uint64_t>(meta.Number(0));
  meta.Reset();
  if (!meta.status().ok()) return meta.status();
  return number;
}

absl::Status SqliteJournal::WriteMeta(const char* key, uint64_t number) {
  return statements_->meta.BindText(key).Bind(number).Finish();
}

absl::Status SqliteJournal::Commit(const JournalBatch& batch) {
  uint64_t reserve = 0;
  if ((options_.shown_ahead || !options_.full_sync) && !batch.rows.empty()) {
    const uint64_t last = batch.rows.back().first + batch.rows.back().n - 1;
    // What is shown ahead should never have to wait for a reservation.
    const uint64_t ahead = options_.shown_ahead ? kReserve / 2 : 0;
    if (last + ahead > reserved_) reserve = last + kReserve;
  }
  return Transact(batch, reserve);
}

absl::Status SqliteJournal::Transact(const JournalBatch& batch,
                                     uint64_t reserve) {
  const bool waits = reserve != 0 && !options_.full_sync;
  if (waits) {
    absl::Status status = writer_->Run("PRAGMA synchronous = FULL");
    if (!status.ok()) return status;
  }
  absl::Status status = writer_->Run("BEGIN IMMEDIATE");
  auto undo = absl::MakeCleanup([&] {
    if (sqlite3_get_autocommit(writer_->get()) == 0) {
      writer_->Run("ROLLBACK").IgnoreError();
    }
    if (waits) writer_->Run("PRAGMA synchronous = NORMAL").IgnoreError();
  });
  Statements& s = *statements_;
  const auto run = [&](SqliteStatement& statement) {
    if (status.ok()) {
      status = statement.Finish();
    } else {
      statement.Reset();
    }
  };
  for (const JournalRow& row : batch.rows) {
    run(s.chunk.Bind(row.first)
            .Bind(int64_t{row.n})
            .Bind(row.t0_ns)
            .Bind(row.t1_ns)
            .Bind(int64_t{JournalRowCrc(row.first, row.n, row.t0_ns, row.t1_ns,
                                        row.body)})
            .BindBytes(row.body));
  }
  for (const LogHole& hole : batch.holes) {
    run(s.hole.Bind(hole.first)
            .Bind(hole.last)
            .Bind(static_cast<int64_t>(hole.reason)));
  }
  for (const SavedSubscription& saved : batch.saved) {
    run(s.save.BindText(saved.name)
            .BindBytes(saved.settings)
            .Bind(saved.acked)
            .Bind(saved.used_unix_ns));
  }
  for (const std::string& name : batch.forgotten) run(s.forget.BindText(name));
  if (status.ok() && reserve != 0) status = WriteMeta("reserved_seq", reserve);
  if (status.ok()) status = writer_->Run("COMMIT");
  if (status.ok() && reserve != 0) reserved_ = reserve;
  return status;
}

absl::StatusOr<std::optional<SqliteJournal::Cut>> SqliteJournal::FindCut(
    const Retention& retention, absl::Time now, uint64_t latest) {
  uint64_t excess = 0;
  if (retention.bytes != 0) {
    const auto pages = writer_->AskNumber("PRAGMA page_count");
    const auto free = writer_->AskNumber("PRAGMA freelist_count");
    if (!pages.ok()) return pages.status();
    if (!free.ok()) return free.status();
    const uint64_t used = static_cast<uint64_t>(*pages - *free) * kPageBytes;
    excess = used - std::min(used, retention.bytes);
  }
  std::optional<Cut> cut;
  absl::Time gone_time = pruned_time_;
  uint64_t damaged_last = 0;  // If all rows so far are damaged.
  bool more = false;
  SqliteStatement& rows = statements_->oldest;
  rows.Bind(int64_t{kRowsPerPrune + 1});
  for (int i = 0; rows.Step(); ++i) {
    const auto first = static_cast<uint64_t>(rows.Number(0));
    if (first > latest) break;  // Its number is damaged.
    // If a row says that it has more events than there is place for.
    if (cut.has_value()) cut->last = std::min(cut->last, first - 1);
    damaged_last = std::min(damaged_last, first - 1);
    const int64_t n = std::clamp<int64_t>(rows.Number(1), 1, Chunk::kMaxEvents);
    const uint64_t last =
        std::min(first + static_cast<uint64_t>(n) - 1, latest);
    const absl::Time t1 = absl::FromUnixNanos(rows.Number(3));
    // What was just said is only taken for its age.
    const bool too_much =
        last < latest && (excess > 0 || (retention.events != 0 &&
                                         latest - last >= retention.events));
    // Nobody knows how old a damaged row is: it goes with what follows it.
    const bool sound = IsSoundJournalRow(rows);
    more = i == kRowsPerPrune;
    if (more || (sound && !too_much && t1 >= now - retention.age)) {
      if (cut.has_value()) {
        cut->earliest_time =
            sound ? absl::FromUnixNanos(rows.Number(2)) : gone_time;
      }
      break;
    }
    if (sound) gone_time = std::max(gone_time, t1);
    if (sound || too_much) {
      cut = Cut{last, gone_time, absl::InfinitePast()};
    } else if (!cut.has_value()) {
      damaged_last = last;
    }
    excess -= std::min(excess, rows.Bytes(6).size() + kRowOverheadBytes);
  }
  rows.Reset();
  if (!rows.status().ok()) return rows.status();
  if (more && !cut.has_value()) {
    // What they go with is further on than one step looks.
    const auto next = SoundAfter(damaged_last, latest);
    if (!next.ok()) return next.status();
    if (next->has_value() && (*next)->t1 < now - retention.age) {
      cut = Cut{damaged_last, gone_time, (*next)->t0};
    }
  }
  return cut;
}

absl::Status SqliteJournal::Prune(const Cut& cut) {
  absl::Status status = writer_->Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status.Update(statements_->prune.Bind(cut.last).Finish());
  status.Update(statements_->prune_holes.Bind(cut.last).Finish());
  if (status.ok()) status = WriteMeta("pruned_seq", cut.last);
  if (status.ok()) {
    status = WriteMeta("pruned_time",
                       static_cast<uint64_t>(absl::ToUnixNanos(cut.last_time)));
  }
  if (status.ok()) status = writer_->Run("COMMIT");
  if (status.ok()) pruned_time_ = cut.last_time;
  if (!status.ok() && sqlite3_get_autocommit(writer_->get()) == 0) {
    writer_->Run("ROLLBACK").IgnoreError();
  }
  return status;
}

absl::Status SqliteJournal::Checkpoint() {
  // While it works more is written; what is left over gets less each time.
  for (int i = 0; i < 4; ++i) {
    int pages = 0;
    int done = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(checkpointer_->get(), nullptr,
                                  SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
      return checkpointer_->Fault();
    }
    if (done >= pages) break;
  }
  return absl::OkStatus();
}

absl::Status SqliteJournal::SetIntact(bool intact) {
  const std::string name = absl::StrCat(options_.path, "-intact");
  if (!intact) {
    if (unlink(name.c_str()) != 0 && errno != ENOENT) {
      return absl::ErrnoToStatus(errno, absl::StrCat("remove ", name));
    }
  } else {
    const int file = open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("create ", name));
    }
    close(file);
  }
  // In this order after a power cut, too.
  const int directory =
      open(DirectoryOf(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return absl::OkStatus();
}

absl::Status SqliteJournal::Close() {
  if (!options_.full_sync) {
    absl::Status status = writer_->Run("PRAGMA synchronous = FULL");
    if (!status.ok()) return status;
  }
  return WriteMeta("clean", 1);
}

absl::StatusOr<std::unique_ptr<JournalReader>> SqliteJournal::OpenReader()
    const {
  auto connection = SqliteConnection::Open(File(), Access::kRead);
  if (!connection.ok()) return connection.status();
  absl::Status status = (*connection)->Run("PRAGMA cache_size = -512");
  if (!status.ok()) return status;
  return std::make_unique<JournalReader>(*std::move(connection));
}

uint64_t SqliteJournal::FileBytes() const { return SizeOf(options_.path); }

uint64_t SqliteJournal::WalBytes() const {
  return SizeOf(absl::StrCat(options_.path, "-wal"));
}

}  // namespace weir
