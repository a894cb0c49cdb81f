#include "host/source/replay_position.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

// Takes `prefix` and the digits after it off the front of `text`.
bool Take(absl::string_view* text, absl::string_view prefix, uint64_t* number) {
  if (!absl::ConsumePrefix(text, prefix)) return false;
  const size_t end = text->find_first_not_of("0123456789");
  const absl::string_view digits = text->substr(0, end);
  text->remove_prefix(digits.size());
  return absl::SimpleAtoi(digits, number);
}

}  // namespace

std::string ReplayPosition::ToText() const {
  return absl::StrCat("{\"loop\":", loop, ",\"offset\":", offset,
                      ",\"lines\":", lines, "}");
}

absl::StatusOr<ReplayPosition> ReplayPosition::Parse(absl::string_view text) {
  ReplayPosition position;
  absl::string_view rest = absl::StripSuffix(text, "\n");
  if (Take(&rest, "{\"loop\":", &position.loop) &&
      Take(&rest, ",\"offset\":", &position.offset) &&
      Take(&rest, ",\"lines\":", &position.lines) && rest == "}") {
    return position;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a replay position is written ", ReplayPosition().ToText(),
                   "; these ", text.size(), " bytes are none"));
}

}  // namespace weir
