#include "host/nats/nats_subject.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace weir {

bool MakesNatsSubject(absl::string_view text) {
  for (const absl::string_view word : absl::StrSplit(text, '.')) {
    if (word.empty() || word == "*" || word == ">") return false;
  }
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_isspace(byte) || absl::ascii_iscntrl(byte);
  });
}

}  // namespace weir
