#ifndef WEIR_HOST_PLUGIN_POISON_STORE_H_
#define WEIR_HOST_PLUGIN_POISON_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/poison_message.h"
#include "host/plugin/poison_keeper.h"
#include "host/sqlite/sqlite_connection.h"
#include "host/sync/mutex.h"

namespace weir {

// Keeps poison messages in a SQLite file of their own, through restarts and
// SIGKILL of the host. Of their own, because they are large and can be missed:
// the file of the StateStore is small, checked whole at each start, and the
// host does not start without it.
//
// Of each plugin at most kMaxMessages with kMaxBytes in all are kept. What did
// no harm for the longest time goes first.
//
// Thread-safe; calls take turns.
class PoisonStore final : public PoisonKeeper {
 public:
  static constexpr int64_t kMaxMessages = 64;
  // Sixteen of the largest (MessageCopy::kMaxBytes).
  static constexpr int64_t kMaxBytes = 4 << 20;

  // Opens the file at `path`, or makes it in a directory that exists. A file
  // that is damaged, or of something else, is renamed to `path`.damaged, which
  // replaces an older one, and `moved_away` says so, and why; a plugin's
  // crashes never keep the host from starting.
  //
  // Returns Unavailable, naming the file and the reason, if it can neither be
  // opened nor made.
  static absl::StatusOr<std::unique_ptr<PoisonStore>> Open(
      const std::string& path, std::string* moved_away);

  ~PoisonStore() override;

  PoisonStore(const PoisonStore&) = delete;
  PoisonStore& operator=(const PoisonStore&) = delete;

  absl::StatusOr<PoisonMessage> Keep(const PoisonMessage& poison) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<PoisonMessage>> List(
      absl::string_view plugin) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<PoisonMessage> Get(absl::string_view plugin,
                                    uint64_t number) override
      ABSL_LOCKS_EXCLUDED(mu_);
  uint32_t Count(absl::string_view plugin) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Forget(absl::string_view plugin) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit PoisonStore(std::unique_ptr<SqliteConnection> database);
  absl::Status Write(const PoisonMessage& poison)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Mutex mu_;  // Who holds it may use the connection, and wait for its disk.
  const std::unique_ptr<SqliteConnection> database_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_POISON_STORE_H_
