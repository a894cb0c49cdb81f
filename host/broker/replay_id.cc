#include "host/broker/replay_id.h"

#include <algorithm>

#include "absl/random/uniform_int_distribution.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

bool IsEpoch(absl::string_view text) {
  return text.size() == kEpochSize &&
         text.find_first_not_of(kAlphabet) == text.npos;
}

// Stricter than absl::SimpleAtoi, which takes signs, spaces and zeros before.
bool ReadSeq(absl::string_view text, uint64_t* seq) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") ==
                                           absl::string_view::npos;
  if (!digits || (text[0] == '0' && text.size() > 1)) return false;
  return absl::SimpleAtoi(text, seq);
}

}  // namespace

std::string MakeEpoch(absl::BitGenRef random) {
  absl::uniform_int_distribution<size_t> letter(0, kAlphabet.size() - 1);
  std::string epoch(kEpochSize, '0');
  for (char& c : epoch) c = kAlphabet[letter(random)];
  return epoch;
}

std::string FormatReplayId(absl::string_view epoch, uint64_t seq) {
  return absl::StrCat(epoch, "-", seq);
}

absl::StatusOr<ReplayId> ParseReplayId(absl::string_view text,
                                       absl::string_view field) {
  const absl::string_view epoch = text.substr(0, kEpochSize);
  ReplayId id;
  if (IsEpoch(epoch) && text.size() > kEpochSize && text[kEpochSize] == '-' &&
      ReadSeq(text.substr(kEpochSize + 1), &id.seq)) {
    id.epoch = std::string(epoch);
    return id;
  }
  // Longer ones are cut: whatever this is, it is not ours.
  const std::string value = absl::Utf8SafeCHexEscape(
      text.substr(0, std::min<size_t>(text.size(), 64)));
  const std::string message = absl::StrCat(
      field, ": \"", value,
      "\" is not a replay ID (<epoch>-<seq>); send a cursor or an event's id, "
      "or start at latest or earliest");
  return MakeError(
      absl::StatusCode::kInvalidArgument, message,
      {.reason = "INVALID_REPLAY_ID",
       .metadata = {{"field", std::string(field)}, {"value", value}},
       .field_violations = {{std::string(field), message}}});
}

}  // namespace weir
