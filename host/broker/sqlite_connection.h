#ifndef WEIR_HOST_BROKER_SQLITE_CONNECTION_H_
#define WEIR_HOST_BROKER_SQLITE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir {

// One connection to the journal's database. Used by one thread at a time;
// several connections to one file work side by side.
class SqliteConnection {
 public:
  enum class Access { kCreate, kWrite, kRead };

  // Opens the file at `path`, through the VFS of the name `vfs` if that is not
  // empty (tests). Waits for at most a second for locks of others. The errors
  // are those of Fault.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path, Access access, const std::string& vfs);

  ~SqliteConnection();

  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Runs statements that return nothing of interest.
  absl::Status Run(const char* sql);

  // Returns the one number that `sql` asks for.
  absl::StatusOr<int64_t> AskNumber(const char* sql);

  // Why the last call did not work, with the file and the cure:
  //  - DataLoss if the file is damaged, or no SQLite file at all
  //  - FailedPrecondition if another process holds a lock on it
  //  - PermissionDenied if it cannot be written
  //  - ResourceExhausted if the disk is full, Unavailable for other disk errors
  absl::Status Fault() const;

  const std::string& path() const { return path_; }
  sqlite3* get() const { return database_; }

 private:
  SqliteConnection(std::string path, sqlite3* database)
      : path_(std::move(path)), database_(database) {}

  const std::string path_;
  sqlite3* const database_;
};

// One SQL statement, prepared once and run any number of times:
//
//   statement.Bind(7).Bind("x");
//   while (statement.Step()) ... statement.Number(0) ...
//   if (!statement.status().ok()) ...
//
// What is bound as text or bytes must live until the last Step.
class SqliteStatement {
 public:
  // `connection` must outlive it. What is wrong with `sql` is said by status.
  SqliteStatement(const SqliteConnection& connection, const char* sql);
  ~SqliteStatement();

  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Binds the next parameter.
  SqliteStatement& Bind(int64_t number);
  SqliteStatement& Bind(uint64_t number) {
    return Bind(static_cast<int64_t>(number));
  }
  SqliteStatement& BindText(absl::string_view text);
  SqliteStatement& BindBytes(absl::string_view bytes);

  // Goes on to the next row. Returns false at the end and at an error; the
  // statement is then reset, so that it holds no lock and can be run again.
  bool Step();
  // Runs it to its end.
  absl::Status Finish();
  // Lets go of a row that was not the last.
  void Reset();

  // Of the last Step.
  const absl::Status& status() const { return status_; }

  // Of the present row, by column.
  bool IsNull(int column) const;
  int64_t Number(int column) const;
  // Valid until the next call of a method that is not const.
  absl::string_view Bytes(int column) const;

 private:
  const SqliteConnection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  absl::Status status_;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SQLITE_CONNECTION_H_
