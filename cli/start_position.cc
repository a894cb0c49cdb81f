#include "cli/start_position.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace weir::cli {
namespace {

// As the proto says of StartPosition.tail.
constexpr uint32_t kMaxTail = 100000;

absl::Status NoPosition(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is none of latest, earliest, tail=N (1 to ", kMaxTail,
      "), a time such as 2026-11-21T12:00:00Z, an event ID such as 6f1c-4711"));
}

// An epoch and a number. The server knows which epochs there are.
bool LooksLikeId(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  uint64_t seq = 0;
  if (parts.size() != 2 || parts[0].empty()) return false;
  for (const char c : parts[0]) {
    if (!absl::ascii_isalnum(c)) return false;
  }
  return absl::SimpleAtoi(parts[1], &seq);
}

}  // namespace

absl::StatusOr<weir::v1::StartPosition> ParseStartPosition(
    absl::string_view text) {
  weir::v1::StartPosition position;
  absl::string_view rest = text;
  absl::Time time;
  std::string error;
  if (text == "latest") {
    position.mutable_latest();
  } else if (text == "earliest") {
    position.mutable_earliest();
  } else if (absl::ConsumePrefix(&rest, "tail=")) {
    uint32_t tail = 0;
    if (!absl::SimpleAtoi(rest, &tail) || tail < 1 || tail > kMaxTail) {
      return NoPosition(text);
    }
    position.set_tail(tail);
  } else if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    const int64_t seconds = absl::ToUnixSeconds(time);
    position.mutable_at_time()->set_seconds(seconds);
    position.mutable_at_time()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  } else if (LooksLikeId(text)) {
    position.set_after_id(std::string(text));
  } else {
    return NoPosition(text);
  }
  return position;
}

}  // namespace weir::cli
