#include "host/plugin/key_value_store.h"

#include <pthread.h>
#include <sqlite3.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace weir {
namespace {

constexpr char kMakeTables[] =
    "CREATE TABLE IF NOT EXISTS kv (plugin TEXT NOT NULL, key BLOB NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY (plugin, key)) STRICT, WITHOUT ROWID";

// So long a statement waits for one of another connection. There are only our
// two, and readers do not wait for writers.
constexpr int kBusyMs = 1000;

absl::Status Fault(sqlite3* database, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(
      path, ": ", database == nullptr ? "no memory" : sqlite3_errmsg(database),
      "; see whether the disk works and has room, or move the file away"));
}

}  // namespace

// One connection and its statements, each used by one thread at a time.
struct KeyValueStore::Database {
  explicit Database(std::string file) : path(std::move(file)) {}
  ~Database() {
    for (sqlite3_stmt* statement : {get, size, sum, put, erase}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(handle);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::Status Open() {
    if (sqlite3_open_v2(
            path.c_str(), &handle,
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
            nullptr) != SQLITE_OK) {
      return Fault(handle, path);
    }
    sqlite3_busy_timeout(handle, kBusyMs);
    for (const char* sql : {"PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL", kMakeTables}) {
      if (absl::Status done = Run(sql); !done.ok()) return done;
    }
    for (const auto& [statement, sql] :
         {std::pair(&get, "SELECT value FROM kv WHERE plugin = ? AND key = ?"),
          std::pair(
              &size,
              "SELECT length(value) FROM kv WHERE plugin = ? AND key = ?"),
          std::pair(&sum,
                    "SELECT coalesce(sum(length(key) + length(value)), 0) "
                    "FROM kv WHERE plugin = ?"),
          std::pair(&put, "INSERT OR REPLACE INTO kv VALUES (?, ?, ?)"),
          std::pair(&erase, "DELETE FROM kv WHERE plugin = ? AND key = ?")}) {
      if (sqlite3_prepare_v2(handle, sql, -1, statement, nullptr) !=
          SQLITE_OK) {
        return Fault(handle, path);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Run(const char* sql) {
    return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK
               ? absl::OkStatus()
               : Fault(handle, path);
  }

  // Binds, steps and, if there is a row, has `row` read it.
  absl::Status Step(sqlite3_stmt* statement, const std::string& plugin,
                    const std::string* key, const std::string* value,
                    const std::function<void()>& row = nullptr) {
    sqlite3_bind_text(statement, 1, plugin.data(),
                      static_cast<int>(plugin.size()), SQLITE_STATIC);
    if (key != nullptr) {
      sqlite3_bind_blob(statement, 2, key->data(),
                        static_cast<int>(key->size()), SQLITE_STATIC);
    }
    if (value != nullptr) {
      // A null pointer would be a NULL.
      sqlite3_bind_blob(statement, 3, value->empty() ? "" : value->data(),
                        static_cast<int>(value->size()), SQLITE_STATIC);
    }
    const int result = sqlite3_step(statement);
    if (result == SQLITE_ROW && row) row();
    absl::Status status;
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
      status = Fault(handle, path);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
  }

  const std::string path;
  sqlite3* handle = nullptr;
  sqlite3_stmt* get = nullptr;
  sqlite3_stmt* size = nullptr;
  sqlite3_stmt* sum = nullptr;
  sqlite3_stmt* put = nullptr;
  sqlite3_stmt* erase = nullptr;
};

weir_status KeyValueAnswer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return WEIR_OK;
    case absl::StatusCode::kInvalidArgument:
      return WEIR_INVALID;
    case absl::StatusCode::kResourceExhausted:
      return WEIR_AGAIN;
    default:
      return WEIR_ERR;
  }
}

KeyValueStore::KeyValueStore(KeyValueOptions options)
    : options_(std::move(options)) {
  opened_ = Open();
  if (opened_.ok()) thread_ = std::thread([this] { Work(); });
}

absl::Status KeyValueStore::Open() {
  MutexLock lock(&mu_);
  writer_ = std::make_unique<Database>(options_.path);
  reader_ = std::make_unique<Database>(options_.path);
  absl::Status opened = writer_->Open();
  if (opened.ok()) opened = reader_->Open();
  return opened;
}

KeyValueStore::~KeyValueStore() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

KeyValueStore::Space& KeyValueStore::SpaceOf(absl::string_view plugin) {
  const auto found = spaces_.find(plugin);
  if (found != spaces_.end()) return found->second;
  return spaces_[std::string(plugin)];
}

absl::Status KeyValueStore::Measure(const std::string& plugin, Space& space) {
  if (space.measured) return absl::OkStatus();
  Database& reader = *reader_;
  absl::Status read = reader.Step(reader.sum, plugin, nullptr, nullptr, [&] {
    space.counts.bytes =
        static_cast<uint64_t>(sqlite3_column_int64(reader.sum, 0));
  });
  space.measured = read.ok();
  return read;
}

absl::StatusOr<std::optional<std::string>> KeyValueStore::Get(
    absl::string_view plugin, absl::string_view key) {
  if (!opened_.ok()) return opened_;
  const std::string name(plugin);
  const std::string wanted(key);
  MutexLock lock(&mu_);
  Space& space = SpaceOf(plugin);
  ++space.counts.gets;
  for (const Values* values : {&space.waiting, &space.written}) {
    const auto found = values->find(wanted);
    if (found != values->end()) return found->second;
  }
  std::optional<std::string> value;
  Database& reader = *reader_;
  absl::Status read = reader.Step(reader.get, name, &wanted, nullptr, [&] {
    const auto* const bytes =
        static_cast<const char*>(sqlite3_column_blob(reader.get, 0));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(reader.get, 0));
    value = size == 0 ? std::string() : std::string(bytes, size);
  });
  if (read.ok()) return value;
  ++space.counts.errors;
  space.counts.last_error = std::string(read.message());
  return read;
}

absl::Status KeyValueStore::Put(absl::string_view plugin, absl::string_view key,
                                absl::string_view value) {
  return Change(plugin, key, value);
}

absl::Status KeyValueStore::Delete(absl::string_view plugin,
                                   absl::string_view key) {
  return Change(plugin, key, std::nullopt);
}

absl::Status KeyValueStore::Change(absl::string_view plugin,
                                   absl::string_view key,
                                   std::optional<absl::string_view> value) {
  MutexLock lock(&mu_);
  Space& space = SpaceOf(plugin);
  absl::Status changed =
      opened_.ok() ? ChangeLocked(std::string(plugin), space, key, value)
                   : opened_;
  if (changed.ok()) {
    ++space.counts.changes;
    return changed;
  }
  ++space.counts.refused;
  if (space.refused.ok()) space.refused = changed;
  if (absl::IsUnavailable(changed)) {
    ++space.counts.errors;
    space.counts.last_error = std::string(changed.message());
  }
  return changed;
}

absl::Status KeyValueStore::ChangeLocked(
    const std::string& plugin, Space& space, absl::string_view key,
    std::optional<absl::string_view> value) {
  if (key.empty() || key.size() > options_.max_key_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key of ", key.size(), " bytes; 1 to ",
                     options_.max_key_bytes, " are possible"));
  }
  if (value.has_value() && value->size() > options_.max_value_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a value of ", value->size(), " bytes; at most ",
                     options_.max_value_bytes, " are possible"));
  }
  if (absl::Status read = Measure(plugin, space); !read.ok()) return read;
  std::string name(key);
  const auto before = SizeOf(plugin, space, name);
  if (!before.ok()) return before.status();
  const uint64_t old_bytes = before->has_value() ? key.size() + **before : 0;
  const uint64_t new_bytes = value.has_value() ? key.size() + value->size() : 0;
  const uint64_t bytes = space.counts.bytes - old_bytes + new_bytes;
  if (value.has_value() && bytes > options_.max_plugin_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the plugin would keep ", bytes, " bytes; at most ",
                     options_.max_plugin_bytes, " are possible"));
  }
  if (waiting_bytes_ + key.size() + new_bytes > options_.max_waiting_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(waiting_bytes_, " bytes wait to be written"));
  }
  space.counts.bytes = bytes;
  const auto [entry, is_new] = space.waiting.try_emplace(std::move(name));
  if (is_new) {
    waiting_bytes_ += key.size();
  } else if (entry->second.has_value()) {
    waiting_bytes_ -= entry->second->size();
  }
  if (value.has_value()) {
    entry->second.emplace(*value);
    waiting_bytes_ += value->size();
  } else {
    entry->second.reset();
  }
  changed_.NotifyAll();
  return absl::OkStatus();
}

// Nullopt: there is no such key.
absl::StatusOr<std::optional<uint64_t>> KeyValueStore::SizeOf(
    const std::string& plugin, const Space& space, const std::string& key) {
  std::optional<uint64_t> size;
  for (const Values* values : {&space.waiting, &space.written}) {
    const auto found = values->find(key);
    if (found == values->end()) continue;
    if (found->second.has_value()) size = found->second->size();
    return size;
  }
  Database& reader = *reader_;
  absl::Status read = reader.Step(reader.size, plugin, &key, nullptr, [&] {
    size = static_cast<uint64_t>(sqlite3_column_int64(reader.size, 0));
  });
  if (!read.ok()) return read;
  return size;
}

void KeyValueStore::Flush(absl::string_view plugin,
                          std::function<void(absl::Status)> done) {
  absl::Status refused;
  {
    MutexLock lock(&mu_);
    Space& space = SpaceOf(plugin);
    refused = std::exchange(space.refused, absl::OkStatus());
    if (opened_.ok() && !(space.waiting.empty() && space.written.empty())) {
      // What waits is in the next round; what is on its way, in this one.
      const uint64_t after =
          space.waiting.empty() ? rounds_begun_ : rounds_begun_ + 1;
      flushing_.push_back({after, std::move(refused), std::move(done)});
      changed_.NotifyAll();
      return;
    }
  }
  done(opened_.ok() ? refused : opened_);
}

absl::Status KeyValueStore::FlushAndWait(absl::string_view plugin,
                                         absl::Duration timeout) {
  struct Answer {
    Mutex mu;
    CondVar changed;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mu);
  };
  const auto answer = std::make_shared<Answer>();
  Flush(plugin, [answer](absl::Status status) {
    MutexLock lock(&answer->mu);
    answer->status = std::move(status);
    answer->changed.NotifyAll();
  });
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(&answer->mu);
  while (!answer->status.has_value()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat(options_.path, ": not written after ",
                       absl::FormatDuration(timeout)));
    }
    answer->changed.WaitFor(&answer->mu, left);
  }
  return *answer->status;
}

KeyValueStore::Counts KeyValueStore::counts(absl::string_view plugin) const {
  MutexLock lock(&mu_);
  const auto found = spaces_.find(plugin);
  return found == spaces_.end() ? Counts() : found->second.counts;
}

void KeyValueStore::Work() {
  pthread_setname_np(pthread_self(), "plugin-kv");
  std::vector<std::pair<std::string, Values*>> changes;
  while (true) {
    {
      MutexLock lock(&mu_);
      const absl::Time end = absl::Now() + options_.write_every;
      while (!stopping_ && flushing_.empty()) {
        const absl::Duration left =
            waiting_bytes_ == 0 ? absl::InfiniteDuration() : end - absl::Now();
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitFor(&mu_, left);
      }
      if (!TakeWaiting(changes) && stopping_ && flushing_.empty()) return;
    }
    Finish(changes.empty() ? absl::OkStatus() : Write(changes));
    MutexLock lock(&mu_);
    // The disk had its chance.
    if (stopping_ && flushing_.empty() && waiting_bytes_ > 0) return;
  }
}

bool KeyValueStore::TakeWaiting(
    std::vector<std::pair<std::string, Values*>>& changes) {
  changes.clear();
  ++rounds_begun_;
  for (auto& [plugin, space] : spaces_) {
    if (space.waiting.empty()) continue;
    space.written.swap(space.waiting);
    changes.emplace_back(plugin, &space.written);
  }
  written_bytes_ = waiting_bytes_;
  return !changes.empty();
}

// Nobody else changes what is on its way.
absl::Status KeyValueStore::Write(
    const std::vector<std::pair<std::string, Values*>>& changes) {
  Database& database = *writer_;
  if (absl::Status begun = database.Run("BEGIN IMMEDIATE"); !begun.ok()) {
    return begun;
  }
  for (const auto& [plugin, values] : changes) {
    for (const auto& [key, value] : *values) {
      absl::Status written =
          value.has_value()
              ? database.Step(database.put, plugin, &key, &*value)
              : database.Step(database.erase, plugin, &key, nullptr);
      if (written.ok()) continue;
      database.Run("ROLLBACK").IgnoreError();
      return written;
    }
  }
  absl::Status committed = database.Run("COMMIT");
  if (!committed.ok()) database.Run("ROLLBACK").IgnoreError();
  return committed;
}

void KeyValueStore::Finish(const absl::Status& written) {
  std::vector<Flushing> over;
  {
    MutexLock lock(&mu_);
    rounds_over_ = rounds_begun_;
    if (written.ok()) waiting_bytes_ -= std::exchange(written_bytes_, 0);
    for (auto& [plugin, space] : spaces_) {
      if (!written.ok() && !space.written.empty()) {
        ++space.counts.errors;
        space.counts.last_error = std::string(written.message());
        // To be tried again, but for what has changed since.
        for (auto& [key, value] : space.written) {
          const size_t bytes =
              key.size() + (value.has_value() ? value->size() : 0);
          if (!space.waiting.try_emplace(key, std::move(value)).second) {
            waiting_bytes_ -= bytes;
          }
        }
      }
      space.written.clear();
    }
    const auto open =
        std::partition(flushing_.begin(), flushing_.end(),
                       [rounds_over = rounds_over_](const Flushing& one) {
                         return one.after > rounds_over;
                       });
    over.assign(std::make_move_iterator(open),
                std::make_move_iterator(flushing_.end()));
    flushing_.erase(open, flushing_.end());
  }
  for (Flushing& one : over) one.done(written.ok() ? one.refused : written);
}

}  // namespace weir
