#ifndef WEIR_TESTS_SUPPORT_FAILING_VFS_H_
#define WEIR_TESTS_SUPPORT_FAILING_VFS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace weir {

// Sees what is done to files through the VFS, when it was done. From any
// thread.
class VfsWatcher {
 public:
  virtual ~VfsWatcher() = default;
  virtual void OnOpened(const std::string& path) = 0;
  virtual void OnWritten(const std::string& path, absl::string_view bytes,
                         uint64_t at) = 0;
  virtual void OnTruncated(const std::string& path, uint64_t size) = 0;
  virtual void OnSynced(const std::string& path) = 0;
  virtual void OnDeleted(const std::string& path) = 0;
};

// An SQLite VFS that is the system's until it is told to fail. One for the
// process, registered by its first use; set it back after a test. Thread-safe.
class FailingVfs {
 public:
  static constexpr char kName[] = "failing";

  enum class Fault {
    kNone,
    kDiskFull,    // Nothing can be written.
    kWriteError,  // Writes and syncs fail as those of a broken disk do.
    kReadError,   // Reads of the database file fail.
  };

  static FailingVfs& Get();

  // From now on; `after_writes` more writes succeed before.
  void Set(Fault fault, int after_writes = 0) {
    left_.store(after_writes);
    fault_.store(fault);
  }

  // Called before each write and each sync, by the thread that does it; null =
  // nothing. Set it while nobody writes.
  void SetOnWrite(std::function<void()> on_write) {
    on_write_ = std::move(on_write);
  }

  // Who sees it all; null = nobody. While somebody watches, syncs only count
  // and do not wait for the disk. Set it while no file is open.
  void Watch(VfsWatcher* watcher) { watcher_ = watcher; }
  VfsWatcher* watcher() const { return watcher_; }

  // What the next call of the kind is to return; SQLITE_OK to go on.
  int OnWrite();
  int OnRead() const;

 private:
  FailingVfs();

  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<int> left_{0};
  std::function<void()> on_write_;
  VfsWatcher* watcher_ = nullptr;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_FAILING_VFS_H_
