#include "runner/fuzz/finding_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<FindingFile::Written> FindingFile::Write(
    std::vector<Sample> inputs) {
  for (size_t n = 1; n < 2 * inputs.size(); n *= 2) {
    const size_t some = std::min(n, inputs.size());
    std::vector<Sample> tail(inputs.end() - static_cast<ptrdiff_t>(some),
                             inputs.end());
    const absl::StatusOr<bool> harms = Harms(tail);
    if (!harms.ok()) return harms.status();
    if (!*harms) continue;
    if (some == 1) {
      const absl::Status shrunk = Shrink(tail[0], tail[0]);
      if (!shrunk.ok()) return shrunk;
    }
    const absl::Status put = Put(tail);
    if (!put.ok()) return put;
    return Written{.messages = some, .reproduced = true};
  }
  const absl::Status put = Put(inputs);
  if (!put.ok()) return put;
  return Written{.messages = inputs.size(), .reproduced = false};
}

absl::StatusOr<bool> FindingFile::Harms(const std::vector<Sample>& inputs) {
  const absl::Status put = Put(inputs);
  if (!put.ok()) return put;
  ++trials_;
  const absl::StatusOr<CheckedRun> run = replay_();
  if (!run.ok()) return run.status();
  if (run->cause == "hangs") ++hangs_;
  return run->verdict.level == CheckLevel::kFail && run->cause == story_.cause;
}

absl::Status FindingFile::Put(const std::vector<Sample>& inputs) const {
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  PoisonStory story = story_;
  story.sequence = 0;
  for (const Sample& input : inputs) {
    ++story.sequence;
    file << WritePoison(input, story) << "\n";
  }
  if (file.flush()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path_, ": cannot be written"));
}

// Fields go one by one, then pieces of the payload, from halves to bytes.
absl::Status FindingFile::Shrink(Sample sample, Sample& smallest) {
  const auto try_it = [&](const Sample& smaller) -> absl::StatusOr<bool> {
    if (IsOver()) return false;
    absl::StatusOr<bool> harms = Harms({smaller});
    if (harms.ok() && *harms) sample = smaller;
    return harms;
  };
  for (size_t i = sample.fields.size(); i > 0; --i) {
    Sample smaller = sample;
    smaller.fields.erase(smaller.fields.begin() +
                         static_cast<ptrdiff_t>(i - 1));
    const absl::StatusOr<bool> harms = try_it(smaller);
    if (!harms.ok()) return harms.status();
  }
  for (size_t piece = sample.body.size(); piece > 0; piece /= 2) {
    for (size_t at = 0; at < sample.body.size() && !IsOver();) {
      Sample smaller = sample;
      smaller.body.erase(at, piece);
      const absl::StatusOr<bool> harms = try_it(smaller);
      if (!harms.ok()) return harms.status();
      if (!*harms) at += piece;
    }
  }
  smallest = std::move(sample);
  return absl::OkStatus();
}

}  // namespace weir
