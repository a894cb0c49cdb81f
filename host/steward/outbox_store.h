#ifndef WEIR_HOST_STEWARD_OUTBOX_STORE_H_
#define WEIR_HOST_STEWARD_OUTBOX_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sqlite/sqlite_connection.h"
#include "host/sync/mutex.h"

namespace weir {

// What waits to be sent, and what was given up, in a file: an SQLite database
// with a write-ahead log. What is taken in one call costs one write and one
// sync of that log, however much it is. A commit that was cut off by a crash or
// a power failure is not there at the next start, and all before it is.
//
// Errors name the file and the cure: ResourceExhausted if the disk is full,
// DataLoss if it is damaged, Unavailable for others of the disk. What failed
// changed nothing. Thread-safe; calls wait for the disk.
class OutboxStore {
 public:
  struct Entry {
    uint64_t number = 0;
    std::string body;
  };
  struct GivenUp {
    uint64_t number = 0;
    absl::Time time;
    std::string reason;
    std::string body;  // Not for GiveUp, which has it already.
  };

  // Opens the file, or makes it. A damaged one is renamed to ".damaged", which
  // `moved_away` then says for a person, and a new one is begun. Through the
  // VFS of the name `vfs` if that is not empty (tests).
  //
  // Returns FailedPrecondition if another process has it open.
  static absl::StatusOr<std::unique_ptr<OutboxStore>> Open(
      const std::string& path, const std::string& vfs, std::string* moved_away);
  ~OutboxStore();
  OutboxStore(const OutboxStore&) = delete;
  OutboxStore& operator=(const OutboxStore&) = delete;

  // The highest number that there ever was; 0 if there was none.
  absl::StatusOr<uint64_t> LastNumber() ABSL_LOCKS_EXCLUDED(mu_);
  // All that wait, by their numbers.
  absl::Status ForEachWaiting(
      const std::function<void(uint64_t number, absl::string_view body)>& see)
      ABSL_LOCKS_EXCLUDED(mu_);
  // NotFound if it does not wait.
  absl::StatusOr<std::string> Body(uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);

  // Adds all or none, and returns when they are on disk. Their numbers are new.
  absl::Status Add(const std::vector<Entry>& entries) ABSL_LOCKS_EXCLUDED(mu_);
  // They wait no more. Survives the end of the process, and a power failure
  // from the next Add or GiveUp on: until then they would be sent again.
  absl::Status Remove(const std::vector<uint64_t>& numbers)
      ABSL_LOCKS_EXCLUDED(mu_);
  // They wait no more and are kept with their reason, on disk. Of what is kept
  // so, the oldest beyond `max_bytes` are dropped; returns how many.
  absl::StatusOr<uint64_t> GiveUp(const std::vector<GivenUp>& given_up,
                                  uint64_t max_bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Those that were given up, from number `after` on, `limit` at most.
  absl::StatusOr<std::vector<GivenUp>> ListGivenUp(uint64_t after, size_t limit)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<uint64_t> CountGivenUp() ABSL_LOCKS_EXCLUDED(mu_);
  // Makes them wait again, all or none, as the numbers that come with them, in
  // this order, and returns what they are.
  //
  // Returns NotFound with the first number that is not kept.
  absl::StatusOr<std::vector<Entry>> Revive(
      const std::vector<std::pair<uint64_t, uint64_t>>& numbers)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit OutboxStore(std::unique_ptr<SqliteConnection> database);
  // Runs `write` in a transaction, synced or not.
  absl::Status Commit(bool sync, absl::FunctionRef<absl::Status()> write)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Mutex mu_;  // Who holds it may use the connection, and wait for its disk.
  const std::unique_ptr<SqliteConnection> database_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_OUTBOX_STORE_H_
