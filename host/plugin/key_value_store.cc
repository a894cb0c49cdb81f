#include "host/plugin/key_value_store.h"

#include <pthread.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/sqlite/sqlite_connection.h"
#include "host/sqlite/sqlite_statement.h"

namespace weir {
namespace {

constexpr char kMakeTables[] =
    "CREATE TABLE IF NOT EXISTS kv (plugin TEXT NOT NULL, key BLOB NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY (plugin, key)) STRICT, WITHOUT ROWID";

// Whatever is wrong with the file: a plugin can do nothing about it.
absl::Status Failed(const absl::Status& fault) {
  return fault.ok() ? fault : absl::UnavailableError(fault.message());
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenFile(
    const std::string& path) {
  auto file = SqliteConnection::Open(
      {.path = path,
       .without_it = "what plugins kept is then forgotten",
       .one_each = "a state_dir"},
      SqliteConnection::Access::kCreate);
  if (!file.ok()) return file;
  absl::Status status = (*file)->UseWriteAheadLog();
  if (status.ok()) status = (*file)->Run("PRAGMA synchronous = FULL");
  if (status.ok()) status = (*file)->Run(kMakeTables);
  if (!status.ok()) return status;
  return file;
}

}  // namespace

// A connection and its statements, each used by one thread at a time.
struct KeyValueStore::Reader {
  explicit Reader(std::unique_ptr<SqliteConnection> connection)
      : file(std::move(connection)) {}

  const std::unique_ptr<SqliteConnection> file;
  SqliteStatement get{*file,
                      "SELECT value FROM kv WHERE plugin = ? AND key = ?"};
  SqliteStatement size{
      *file, "SELECT length(value) FROM kv WHERE plugin = ? AND key = ?"};
  SqliteStatement sum{*file,
                      "SELECT coalesce(sum(length(key) + length(value)), 0) "
                      "FROM kv WHERE plugin = ?"};
};

struct KeyValueStore::Writer {
  explicit Writer(std::unique_ptr<SqliteConnection> connection)
      : file(std::move(connection)) {}

  const std::unique_ptr<SqliteConnection> file;
  SqliteStatement put{*file, "INSERT OR REPLACE INTO kv VALUES (?, ?, ?)"};
  SqliteStatement erase{*file, "DELETE FROM kv WHERE plugin = ? AND key = ?"};
};

KeyValueStore::KeyValueStore(KeyValueOptions options)
    : options_(std::move(options)) {
  opened_ = Open();
  if (opened_.ok()) thread_ = std::thread([this] { Work(); });
}

absl::Status KeyValueStore::Open() {
  MutexLock lock(&mu_);
  auto writer = OpenFile(options_.path);
  if (!writer.ok()) return Failed(writer.status());
  auto reader = OpenFile(options_.path);
  if (!reader.ok()) return Failed(reader.status());
  writer_ = std::make_unique<Writer>(*std::move(writer));
  reader_ = std::make_unique<Reader>(*std::move(reader));
  for (const SqliteStatement* statement :
       {&writer_->put, &writer_->erase, &reader_->get, &reader_->size,
        &reader_->sum}) {
    if (!statement->status().ok()) return Failed(statement->status());
  }
  return absl::OkStatus();
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
  SqliteStatement& sum = reader_->sum;
  if (sum.BindText(plugin).Step()) {
    space.counts.bytes = static_cast<uint64_t>(sum.Number(0));
    sum.Reset();
  }
  space.measured = sum.status().ok();
  return Failed(sum.status());
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
  SqliteStatement& get = reader_->get;
  if (get.BindText(name).BindBytes(wanted).Step()) {
    value = get.Text(0);
    get.Reset();
  }
  if (get.status().ok()) return value;
  const absl::Status failed = Failed(get.status());
  ++space.counts.errors;
  space.counts.last_error = std::string(failed.message());
  return failed;
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
  SqliteStatement& row = reader_->size;
  if (row.BindText(plugin).BindBytes(key).Step()) {
    size = static_cast<uint64_t>(row.Number(0));
    row.Reset();
  }
  if (!row.status().ok()) return Failed(row.status());
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
  return Failed(writer_->file->Transact([&] {
    absl::Status written;
    for (const auto& [plugin, values] : changes) {
      for (const auto& [key, value] : *values) {
        SqliteStatement& change =
            value.has_value() ? writer_->put : writer_->erase;
        change.BindText(plugin).BindBytes(key);
        if (value.has_value()) change.BindBytes(*value);
        written = change.Finish();
        if (!written.ok()) return written;
      }
    }
    return written;
  }));
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
