#include "tests/support/failing_vfs.h"

#include <sqlite3.h>

#include <cstdlib>

namespace weir {
namespace {

// A file of ours, with the system's right behind it.
struct File {
  sqlite3_file base;
  const char* path;  // Null for one without a name. SQLite keeps it.
  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_vfs* SystemVfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  return vfs;
}

sqlite3_file* SystemFile(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->system();
}

// Who is to be told of what is done to `f`; null for nobody.
VfsWatcher* WatcherOf(sqlite3_file* f) {
  return reinterpret_cast<File*>(f)->path == nullptr
             ? nullptr
             : FailingVfs::Get().watcher();
}

const char* PathOf(sqlite3_file* f) { return reinterpret_cast<File*>(f)->path; }

int Close(sqlite3_file* f) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xClose(system);
}
int Read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  if (const int code = FailingVfs::Get().OnRead(); code != SQLITE_OK) {
    return code;
  }
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xRead(system, to, n, at);
}
int Write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (const int code = FailingVfs::Get().OnWrite(); code != SQLITE_OK) {
    return code;
  }
  sqlite3_file* const system = SystemFile(f);
  const int code = system->pMethods->xWrite(system, from, n, at);
  VfsWatcher* const watcher = WatcherOf(f);
  if (code == SQLITE_OK && watcher != nullptr) {
    watcher->OnWritten(PathOf(f),
                       {static_cast<const char*>(from), static_cast<size_t>(n)},
                       static_cast<uint64_t>(at));
  }
  return code;
}
int Truncate(sqlite3_file* f, sqlite3_int64 size) {
  sqlite3_file* const system = SystemFile(f);
  const int code = system->pMethods->xTruncate(system, size);
  VfsWatcher* const watcher = WatcherOf(f);
  if (code == SQLITE_OK && watcher != nullptr) {
    watcher->OnTruncated(PathOf(f), static_cast<uint64_t>(size));
  }
  return code;
}
int Sync(sqlite3_file* f, int flags) {
  if (const int code = FailingVfs::Get().OnWrite(); code != SQLITE_OK) {
    return code;
  }
  if (VfsWatcher* const watcher = WatcherOf(f); watcher != nullptr) {
    watcher->OnSynced(PathOf(f));
    return SQLITE_OK;
  }
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xSync(system, flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xFileSize(system, size);
}
int Lock(sqlite3_file* f, int kind) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xLock(system, kind);
}
int Unlock(sqlite3_file* f, int kind) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xUnlock(system, kind);
}
int CheckReservedLock(sqlite3_file* f, int* out) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xCheckReservedLock(system, out);
}
int FileControl(sqlite3_file* f, int op, void* argument) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xFileControl(system, op, argument);
}
int SectorSize(sqlite3_file* f) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xSectorSize(system);
}
int DeviceCharacteristics(sqlite3_file* f) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xDeviceCharacteristics(system);
}
int ShmMap(sqlite3_file* f, int page, int size, int extend,
           void volatile** out) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xShmMap(system, page, size, extend, out);
}
int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xShmLock(system, offset, n, flags);
}
void ShmBarrier(sqlite3_file* f) {
  sqlite3_file* const system = SystemFile(f);
  system->pMethods->xShmBarrier(system);
}
int ShmUnmap(sqlite3_file* f, int remove) {
  sqlite3_file* const system = SystemFile(f);
  return system->pMethods->xShmUnmap(system, remove);
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags,
         int* out_flags) {
  f->pMethods = nullptr;
  const int code =
      SystemVfs()->xOpen(SystemVfs(), name, SystemFile(f), flags, out_flags);
  if (code != SQLITE_OK) return code;
  f->pMethods = &kMethods;
  reinterpret_cast<File*>(f)->path = name;
  if (VfsWatcher* const watcher = WatcherOf(f); watcher != nullptr) {
    watcher->OnOpened(name);
  }
  return code;
}

int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
  const int code = SystemVfs()->xDelete(SystemVfs(), name, sync_directory);
  VfsWatcher* const watcher = FailingVfs::Get().watcher();
  if (code == SQLITE_OK && watcher != nullptr) watcher->OnDeleted(name);
  return code;
}

}  // namespace

FailingVfs& FailingVfs::Get() {
  static FailingVfs* const vfs = new FailingVfs;
  return *vfs;
}

FailingVfs::FailingVfs() {
  // All but these two is the system's own.
  static sqlite3_vfs vfs = *SystemVfs();
  vfs.zName = kName;
  vfs.szOsFile += static_cast<int>(sizeof(File));
  vfs.pNext = nullptr;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) std::abort();
}

int FailingVfs::OnWrite() {
  if (on_write_) on_write_();
  const Fault fault = fault_.load();
  if (fault != Fault::kDiskFull && fault != Fault::kWriteError) {
    return SQLITE_OK;
  }
  if (left_.fetch_sub(1) > 0) return SQLITE_OK;
  return fault == Fault::kDiskFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int FailingVfs::OnRead() const {
  return fault_.load() == Fault::kReadError ? SQLITE_IOERR_READ : SQLITE_OK;
}

}  // namespace weir
