#ifndef WEIR_CLI_START_POSITION_H_
#define WEIR_CLI_START_POSITION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/v1/event.pb.h"

namespace weir::cli {

// Reads the value of --from: "latest", "earliest", "tail=N" (the last N
// positions, 1 to 100000), a time as RFC 3339 writes it
// ("2026-11-21T12:00:00Z"), or the ID of the last event seen ("6f1c-4711").
// Returns InvalidArgument, naming all of these, for anything else.
absl::StatusOr<weir::v1::StartPosition> ParseStartPosition(
    absl::string_view text);

}  // namespace weir::cli

#endif  // WEIR_CLI_START_POSITION_H_
