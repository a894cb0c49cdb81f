#ifndef WEIR_TESTS_SUPPORT_UNSYNCED_DISK_H_
#define WEIR_TESTS_SUPPORT_UNSYNCED_DISK_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "host/sync/mutex.h"
#include "tests/support/failing_vfs.h"

namespace weir {

// What would be on the disk if the machine lost its power: of each file that is
// written through FailingVfs, what was synced, and of what was not, as much or
// as little as chance leaves. Files themselves come and go at once.
//
// Watch it with FailingVfs before the first file is opened. Thread-safe.
class UnsyncedDisk final : public VfsWatcher {
 public:
  enum class Loss {
    kEverything,  // Nothing is kept that was not synced.
    kSome,        // Any sectors of it are kept, whatever their order was.
  };

  // Writes the files, by the names that they have, into `directory`, which
  // exists. They go on as they are.
  void WriteImage(const std::string& directory, Loss loss, uint64_t seed) const
      ABSL_LOCKS_EXCLUDED(mu_);

  void OnOpened(const std::string& path) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWritten(const std::string& path, absl::string_view bytes,
                 uint64_t at) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnTruncated(const std::string& path, uint64_t size) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnSynced(const std::string& path) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDeleted(const std::string& path) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Change {
    bool truncates = false;
    uint64_t at = 0;  // Or the size.
    std::string bytes;
  };
  struct File {
    std::string synced;
    std::vector<Change> changes;  // Since then, in order.
  };

  static void Apply(const Change& change, std::string* content);
  static void ApplySome(const Change& change, std::mt19937_64& random,
                        std::string* content);

  mutable Mutex mu_;
  std::map<std::string, File> files_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_UNSYNCED_DISK_H_
