#ifndef WEIR_HOST_PLUGIN_STATE_STORE_H_
#define WEIR_HOST_PLUGIN_STATE_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"

struct sqlite3;

namespace weir {

// What is to become of one plugin's slot when the host starts again: what
// operators asked for, and what the host has learned of the code. A value.
struct DesiredState {
  enum class Desired {
    kLoaded,   // Load it; what the plugin folder implies for a new file.
    kStopped,  // An operator unloaded it.
  };

  // Why code is not run.
  struct Quarantine {
    std::string sha256;  // Of the code; another digest is not under it.
    std::string reason;  // "5 crashes in 10 min"
    std::string actor;   // "supervisor", "operator:alice"
    absl::Time time;     // Kept to the nanosecond.

    bool operator==(const Quarantine&) const = default;
  };

  Desired desired = Desired::kLoaded;
  bool paused = false;
  // In process it has taken the host down: it runs in a child from now on,
  // whatever its settings say.
  bool demoted = false;
  std::string pinned_module;    // "counts_v2.so"; empty: the file of its name.
  std::string pinned_sha256;    // Run no other digest; empty: what is there.
  std::string previous_sha256;  // What a rollback loads; empty: nothing.
  std::optional<Quarantine> quarantine;

  bool operator==(const DesiredState&) const = default;
};

// Keeps the DesiredState of every slot in one SQLite file, through restarts,
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
  static constexpr int kSchemaVersion = 1;

  // Opens the file at `path`, or makes it in a directory that exists. Checks
  // all of it: it is a few kilobytes.
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
  struct Close {
    void operator()(sqlite3* database) const;
  };
  using Connection = std::unique_ptr<sqlite3, Close>;

  StateStore(std::string path, Connection database);

  const std::string path_;
  Mutex mu_;  // Who holds it may use the connection, and wait for its disk.
  const Connection database_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_STATE_STORE_H_
