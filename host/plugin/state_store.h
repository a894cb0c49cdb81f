#ifndef WEIR_HOST_PLUGIN_STATE_STORE_H_
#define WEIR_HOST_PLUGIN_STATE_STORE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/desired_state.h"
#include "host/sqlite/sqlite_connection.h"
#include "host/sync/mutex.h"

namespace weir {

// Keeps the DesiredState of every slot, configurations and the secrets in them
// included, in one SQLite file that no other user can read, through restarts,
// SIGKILL and power cuts: what Write or Forget has returned OK for is on the
// disk (WAL, synchronous=FULL), and a write is there whole or not at all. The
// file belongs to one process at a time.
//
// A file that cannot be read is never replaced: starting code that somebody
// has quarantined is worse than not starting.
//
// Thread-safe; calls take turns. Each write waits for the disk, so not for the
// data path.
class StateStore {
 public:
  // Of the tables; a file with a greater one is refused.
  static constexpr int kSchemaVersion = 3;

  // Opens the file at `path`, or makes it in a directory that exists; one of an
  // older weir gets the tables of today. Checks all of it: it is a few
  // kilobytes.
  //
  // Returns, each naming the file and the cure:
  //  - DataLoss if it is damaged, or no SQLite file at all
  //  - FailedPrecondition if a newer weir wrote it, if it is a database of
  //    something else, or if another process has it open
  //  - PermissionDenied if it or its directory cannot be written, NotFound if
  //    there is no such directory
  //  - ResourceExhausted if the disk is full, Unavailable for other disk errors
  static absl::StatusOr<std::unique_ptr<StateStore>> Open(
      const std::string& path);

  ~StateStore();

  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  // Returns every slot's state by its id, "counts". Returns DataLoss or
  // Unavailable if the file cannot be read.
  absl::StatusOr<std::map<std::string, DesiredState>> ReadAll()
      ABSL_LOCKS_EXCLUDED(mu_);

  // Replaces what is kept of `id`, which is not empty. On an error, as in Open,
  // what was kept before still is, and writing again may work.
  absl::Status Write(absl::string_view id, const DesiredState& state)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Removes `id`; OK if it is not there. Errors as those of Write.
  absl::Status Forget(absl::string_view id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit StateStore(std::unique_ptr<SqliteConnection> database);

  Mutex mu_;  // Who holds it may use the connection, and wait for its disk.
  const std::unique_ptr<SqliteConnection> database_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_STATE_STORE_H_
