#ifndef WEIR_HOST_SQLITE_BEGIN_ANEW_H_
#define WEIR_HOST_SQLITE_BEGIN_ANEW_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "host/sqlite/sqlite_connection.h"

namespace weir {

// Opens the file at `path` by `open`, for a host that goes on without what is
// in it rather than not at all. If that says DataLoss, the file is renamed to
// PATH.damaged, which replaces an older one, and a new one is begun;
// `*moved_away` then says so and why, and is empty otherwise.
//
// Returns Unavailable if the file cannot be renamed, else what `open` returns.
absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenOrBeginAnew(
    const std::string& path,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<SqliteConnection>>()> open,
    std::string* moved_away);

}  // namespace weir

#endif  // WEIR_HOST_SQLITE_BEGIN_ANEW_H_
