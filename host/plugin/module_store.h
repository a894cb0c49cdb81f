#ifndef WEIR_HOST_PLUGIN_MODULE_STORE_H_
#define WEIR_HOST_PLUGIN_MODULE_STORE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/plugin/new_file.h"
#include "host/sync/mutex.h"

namespace weir {

// A plugin's file as it was at one moment, where nobody else writes. A value.
struct StoredModule {
  std::string origin;  // What it was copied from; messages begin with it.
  std::string sha256;  // Of its bytes, lower-case hex.
  std::string path;    // Of the stored file, mode 0444. Never load it there.
};

// The plugins that the host took, by what is in them:
//
//   <state_dir>/store/<sha256>/<name>.so   what was in a folder, once
//   <state_dir>/run/<slot>.<gen>.so        a copy of it for one generation
//
// Everything after the first look at a file uses the stored copy. Whoever
// overwrites or cuts the original changes nothing then: that would kill the
// process at the next call into a library mapped from there. Each generation
// has a copy of its own because the loader takes one path, and one inode, for
// one library, and would answer with the old code.
//
// The same bytes are one entry, whatever the file was called and how often it
// was added; the entry keeps the first name. Any thread may call anything at
// any time.
class ModuleStore {
 public:
  // Makes both directories, 0700, where they are missing, and removes what an
  // earlier process left half made, and its run copies. One process at a time
  // may have the store of a `state_dir`. Returns Unavailable if it cannot be
  // written.
  static absl::StatusOr<std::unique_ptr<ModuleStore>> Open(
      const std::string& state_dir);

  ModuleStore(const ModuleStore&) = delete;
  ModuleStore& operator=(const ModuleStore&) = delete;

  // Copies the file at `path` into the store, hashing what it copies. All later
  // steps use the copy. The file is opened and checked as OpenModuleFile does,
  // and must be afterwards as it was before. A copy that someone is still busy
  // with may rest just then; then it is cut short, and CheckModule says so.
  //
  // Returns the errors of OpenModuleFile, each after the path, and these, and
  // leaves nothing behind:
  //   Aborted            file.changing  written while it was read; try again
  //                                     when it rests
  //   InvalidArgument    file.size      see CheckModuleType
  //   ResourceExhausted  store.write    no space, no quota, or over the
  //                                     process's own limit for a file
  //   Unavailable        store.write    any other trouble with `state_dir`
  absl::StatusOr<StoredModule> Add(const std::string& path,
                                   absl::Span<const uid_t> owners)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The entry of that digest, for going back to what ran before; `origin` is
  // its path in the store. Returns NotFound if there is none, or if its bytes
  // have another digest by now, as after a fault of the disk.
  absl::StatusOr<StoredModule> Find(absl::string_view sha256) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Makes <state_dir>/run/<slot>.<generation>.so of `module`, mode 0500: a file
  // with an inode of its own, sharing its blocks with the store where the file
  // system can. What was there is replaced; but no library was ever loaded from
  // that path in this process. Returns its path; the caller unlinks it. Returns
  // NotFound if the entry is gone, and errors of store.write as Add does.
  absl::StatusOr<std::string> MakeRunCopy(const StoredModule& module,
                                          absl::string_view slot,
                                          uint64_t generation) const;

  // Removes all entries but those with a digest in `sha256`. Run copies do not
  // need their entry. Returns Unavailable if one could not be removed, after
  // trying the others.
  absl::Status Keep(const std::set<std::string>& sha256)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit ModuleStore(const std::string& state_dir);

  // Where the bytes of `copy` are in the store: in the entry that is there, or
  // in a new one.
  absl::StatusOr<StoredModule> Publish(NewFile copy, const std::string& path,
                                       std::string sha256)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The file of an entry that is there and whole; empty if there is none. One
  // that is damaged is removed if `repair`.
  std::string FileOf(absl::string_view sha256, bool repair) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string store_dir_;
  const std::string run_dir_;

  // Held while entries appear, go or are compared, not while one is copied.
  mutable Mutex mu_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_STORE_H_
