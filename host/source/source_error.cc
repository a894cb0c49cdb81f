#include "host/source/source_error.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weir {
namespace {

// Not a type of any proto: it never leaves the room.
constexpr char kPayload[] = "weir/source-error";

}  // namespace

absl::Status MakeSourceError(absl::StatusCode code, absl::string_view kind,
                             absl::string_view message, int32_t http_status,
                             absl::Duration at_least) {
  absl::Status status(code, message);
  status.SetPayload(
      kPayload, absl::Cord(absl::StrCat(kind, " ", http_status, " ",
                                        absl::ToInt64Milliseconds(at_least))));
  return status;
}

SourceError GetSourceError(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return {.kind = SourceError::kConnect};
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(*payload), ' ');
  SourceError error = {.kind = parts[0]};
  int64_t at_least_ms = 0;
  if (parts.size() < 3 || !absl::SimpleAtoi(parts[1], &error.http_status) ||
      !absl::SimpleAtoi(parts[2], &at_least_ms)) {
    return error;
  }
  error.at_least = absl::Milliseconds(at_least_ms);
  return error;
}

}  // namespace weir
