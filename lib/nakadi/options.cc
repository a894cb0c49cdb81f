#include "lib/nakadi/options.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir::nakadi {
namespace {

absl::Status CheckSeconds(absl::string_view name, absl::Duration value) {
  if (value < absl::ZeroDuration() ||
      value != absl::Trunc(value, absl::Seconds(1))) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", absl::FormatDuration(value),
                     "; Nakadi takes whole seconds, 0 or more"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Duration StreamParameters::EffectiveFlushTimeout() const {
  return batch_flush_timeout == absl::ZeroDuration() ? absl::Seconds(30)
                                                     : batch_flush_timeout;
}

absl::Duration StreamParameters::EffectiveCommitTimeout() const {
  return commit_timeout == absl::ZeroDuration() ? absl::Seconds(60)
                                                : commit_timeout;
}

absl::Duration StreamParameters::EffectiveReadTimeout() const {
  if (read_timeout != absl::ZeroDuration()) return read_timeout;
  const absl::Duration flush = EffectiveFlushTimeout();
  return std::max(2 * flush, flush + absl::Seconds(30));
}

absl::Duration StreamParameters::FirstLineTimeout() const {
  return std::max(EffectiveReadTimeout(),
                  2 * EffectiveCommitTimeout() + EffectiveFlushTimeout());
}

absl::Status StreamParameters::Check() const {
  for (const absl::Status& status :
       {CheckSeconds("batch_flush_timeout", batch_flush_timeout),
        CheckSeconds("batch_timespan", batch_timespan),
        CheckSeconds("stream_timeout", stream_timeout),
        CheckSeconds("commit_timeout", commit_timeout)}) {
    if (!status.ok()) return status;
  }
  if (commit_timeout > absl::Seconds(60)) {
    return absl::InvalidArgumentError(
        absl::StrCat("commit_timeout is ", absl::FormatDuration(commit_timeout),
                     "; servers allow at most 60 s: lower it, and let "
                     "batch_limit or the window shrink if handling takes "
                     "longer"));
  }
  if (max_uncommitted_events == 0) {
    return absl::InvalidArgumentError(
        "max_uncommitted_events is 0, so nothing would ever be sent; leave it "
        "out for 10");
  }
  if (read_timeout != absl::ZeroDuration() &&
      read_timeout <= EffectiveFlushTimeout()) {
    return absl::InvalidArgumentError(
        absl::StrCat("read_timeout is ", absl::FormatDuration(read_timeout),
                     ", not longer than batch_flush_timeout, ",
                     absl::FormatDuration(EffectiveFlushTimeout()),
                     ": an idle stream would be taken for dead; raise it"));
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& partition : partitions) {
    if (partition.first.empty() || partition.second.empty()) {
      return absl::InvalidArgumentError(
          "a partition needs both event_type and partition");
    }
    if (!seen.insert(partition).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("partition ", partition.second, " of ", partition.first,
                       " is there twice; remove one"));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir::nakadi
