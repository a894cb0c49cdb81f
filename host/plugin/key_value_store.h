#ifndef WEIR_HOST_PLUGIN_KEY_VALUE_STORE_H_
#define WEIR_HOST_PLUGIN_KEY_VALUE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"

namespace weir {

struct KeyValueOptions {
  std::string path;  // Of the SQLite file; made if it is not there.
  size_t max_key_bytes = 512;
  size_t max_value_bytes = size_t{1} << 20;
  // Keys and values of one plugin together.
  uint64_t max_plugin_bytes = uint64_t{64} << 20;
  // What may wait to be written, of all plugins together.
  size_t max_waiting_bytes = size_t{16} << 20;
  // How long a change waits, so that many go to the disk at once.
  absl::Duration write_every = absl::Milliseconds(100);
};

// What plugins keep over restarts: bytes by key, for each plugin its own.
//
// A change is in memory at once, and on the disk a moment later, by a thread of
// the store's: a plugin never waits for the disk unless it says Flush. What was
// flushed survives a crash of the host and of the system. What was not yet
// written may be lost with the host, the last changes first.
//
// A file that is no database, or a disk that takes nothing, makes calls fail
// with the reason; changes wait in memory, up to a limit, and are tried again.
//
// Thread-safe. `plugin` is the id of a slot.
class KeyValueStore {
 public:
  // Never fails: a store that cannot be opened says why at each call.
  explicit KeyValueStore(KeyValueOptions options);

  // Writes what waits.
  ~KeyValueStore() ABSL_LOCKS_EXCLUDED(mu_);

  KeyValueStore(const KeyValueStore&) = delete;
  KeyValueStore& operator=(const KeyValueStore&) = delete;

  const KeyValueOptions& options() const { return options_; }

  // Why it cannot be used at all; OK if it can.
  const absl::Status& status() const { return opened_; }

  // Nullopt if there is no such key. Takes some microseconds, and the time of
  // the disk if what is asked for is not in memory.
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view plugin,
                                                 absl::string_view key)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Returns InvalidArgument for a key of no bytes or of too many, and a value
  // of too many; ResourceExhausted if the plugin's bytes are used up, or too
  // many wait to be written.
  absl::Status Put(absl::string_view plugin, absl::string_view key,
                   absl::string_view value) ABSL_LOCKS_EXCLUDED(mu_);

  // OK also if there is no such key.
  absl::Status Delete(absl::string_view plugin, absl::string_view key)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `done` once what the plugin has changed so far is on the disk, or is
  // known not to be, with the reason; and also with the first reason why a
  // change was refused since the last Flush. From a thread of the store's, so
  // it must be quick and call nothing of the store's.
  void Flush(absl::string_view plugin, std::function<void(absl::Status)> done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The same, and waits. DeadlineExceeded: the disk takes longer than that.
  absl::Status FlushAndWait(absl::string_view plugin, absl::Duration timeout);

  struct Counts {
    uint64_t bytes = 0;  // Keys and values, now; 0 until the first call.
    uint64_t gets = 0;
    uint64_t changes = 0;  // Puts and deletes that were taken.
    uint64_t refused = 0;  // ... that were not.
    uint64_t errors = 0;   // Of the database, in a call or behind its back.
    std::string last_error;
  };
  Counts counts(absl::string_view plugin) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Values = std::map<std::string, std::optional<std::string>>;
  struct Space {
    bool measured = false;
    Values waiting;        // Changes; nullopt: deleted.
    Values written;        // On their way to the disk, older than those.
    absl::Status refused;  // The first one since the last Flush.
    Counts counts;
  };
  struct Reader;
  struct Writer;
  struct Flushing {
    uint64_t after;  // The round of writing that has to be over.
    absl::Status refused;
    std::function<void(absl::Status)> done;
  };

  absl::Status Open();
  Space& SpaceOf(absl::string_view plugin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Measure(const std::string& plugin, Space& space)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::optional<uint64_t>> SizeOf(const std::string& plugin,
                                                 const Space& space,
                                                 const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Change(absl::string_view plugin, absl::string_view key,
                      std::optional<absl::string_view> value)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ChangeLocked(const std::string& plugin, Space& space,
                            absl::string_view key,
                            std::optional<absl::string_view> value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  bool TakeWaiting(std::vector<std::pair<std::string, Values*>>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Write(
      const std::vector<std::pair<std::string, Values*>>& changes);
  void Finish(const absl::Status& written) ABSL_LOCKS_EXCLUDED(mu_);

  const KeyValueOptions options_;
  absl::Status opened_;
  std::unique_ptr<Writer> writer_;  // The thread's.

  mutable Mutex mu_;
  CondVar changed_;
  std::unique_ptr<Reader> reader_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Space, std::less<>> spaces_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  size_t written_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of these, on their way.
  uint64_t rounds_begun_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t rounds_over_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Flushing> flushing_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_KEY_VALUE_STORE_H_
