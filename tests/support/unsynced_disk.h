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
    kNewest,      // It is kept in the order of the writes, up to some moment.
  };

  // Writes the files of the directory `from`, by the names that they have, into
  // `to`, which exists. They go on as they are.
  void WriteImage(const std::string& from, const std::string& to, Loss loss,
                  uint64_t seed) const ABSL_LOCKS_EXCLUDED(mu_);

  // The files of `from` have been copied to `to`. What was not synced of them
  // is not synced of the copies either: so does a process that is killed leave
  // its files to the next one.
  void OnCopied(const std::string& from, const std::string& to)
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
    uint64_t number = 0;  // In the order of all files' changes.
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
  uint64_t n_changes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_UNSYNCED_DISK_H_
