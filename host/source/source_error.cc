#include "host/source/source_error.h"

#include <utility>
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
                             absl::string_view message, int32_t http_status) {
  absl::Status status(code, message);
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(kind, " ", http_status)));
  return status;
}

SourceError GetSourceError(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return {.kind = SourceError::kConnect};
  const std::string text(*payload);
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, ' ');
  SourceError error = {.kind = parts.first};
  if (!absl::SimpleAtoi(parts.second, &error.http_status)) {
    error.http_status = 0;
  }
  return error;
}

}  // namespace weir
