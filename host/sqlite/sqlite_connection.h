#ifndef WEIR_HOST_SQLITE_SQLITE_CONNECTION_H_
#define WEIR_HOST_SQLITE_SQLITE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;

namespace weir {

// A database file, and what people are told of it when something is wrong.
struct SqliteFile {
  std::string path;
  // What happens if it is moved away: "a new log is then begun".
  std::string without_it;
  // What each host should have one of: "a state_dir".
  std::string one_each;
  // Tests only: the SQLite VFS to go through; empty = the system's.
  std::string vfs = {};
};

// One connection to a database file. Used by one thread at a time; several
// connections to one file work side by side.
class SqliteConnection {
 public:
  enum class Access { kCreate, kWrite, kRead };

  // Opens `file`. Statements wait for at most a second for locks of others. The
  // errors are those of Fault.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(SqliteFile file,
                                                                Access access);

  ~SqliteConnection();

  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Runs statements that return nothing of interest.
  absl::Status Run(const char* sql);

  // Does `work` in a transaction: all of it, or nothing if it or the commit
  // returns an error, which is returned.
  absl::Status Transact(absl::FunctionRef<absl::Status()> work);

  // Goes over to a write-ahead log. Returns Unavailable if the file system
  // cannot have one, which names the cure, and PermissionDenied if nothing can
  // be written.
  absl::Status UseWriteAheadLog();

  // Returns the one number that `sql` asks for.
  absl::StatusOr<int64_t> AskNumber(const char* sql);

  // Rows that the last statement which writes has changed.
  int64_t changes() const;

  // Why the last call did not work, with the file and the cure:
  //  - DataLoss if the file is damaged, of something else, or no SQLite file
  //  - FailedPrecondition if another process holds a lock on it
  //  - PermissionDenied if it cannot be written
  //  - ResourceExhausted if the disk is full, Unavailable for other disk errors
  absl::Status Fault() const;

  // DataLoss, with what to do about a file that is damaged as `how` says.
  absl::Status Damaged(absl::string_view how) const;

  const std::string& path() const { return file_.path; }
  sqlite3* get() const { return database_; }

 private:
  SqliteConnection(SqliteFile file, sqlite3* database)
      : file_(std::move(file)), database_(database) {}

  const SqliteFile file_;
  sqlite3* const database_;
};

}  // namespace weir

#endif  // WEIR_HOST_SQLITE_SQLITE_CONNECTION_H_
