#ifndef WEIR_TESTS_SUPPORT_FAILING_VFS_H_
#define WEIR_TESTS_SUPPORT_FAILING_VFS_H_

#include <atomic>

namespace weir {

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

  // What the next call of the kind is to return; SQLITE_OK to go on.
  int OnWrite();
  int OnRead() const;

 private:
  FailingVfs();

  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<int> left_{0};
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_FAILING_VFS_H_
