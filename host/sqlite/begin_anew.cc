#include "host/sqlite/begin_anew.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenOrBeginAnew(
    const std::string& path,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<SqliteConnection>>()> open,
    std::string* moved_away) {
  moved_away->clear();
  auto database = open();
  if (!absl::IsDataLoss(database.status())) return database;
  const std::string aside = absl::StrCat(path, ".damaged");
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat(path, ": cannot be read, nor renamed to ", aside, ": ",
                     std::strerror(errno)));
  }
  // They belong to the file that is gone.
  std::rename(absl::StrCat(path, "-wal").c_str(),
              absl::StrCat(aside, "-wal").c_str());
  std::remove(absl::StrCat(path, "-shm").c_str());
  *moved_away = absl::StrCat(database.status().message(), "; it is ", aside,
                             " now, and a new one is begun");
  return open();
}

}  // namespace weir
