#include "host/broker/start_position.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status OutOfRange(absl::string_view reason, absl::string_view message,
                        std::map<std::string, std::string> metadata) {
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat(message, "; start at earliest or latest instead"),
      {.reason = std::string(reason), .metadata = std::move(metadata)});
}

// Goes on where the policy says, after a hole of unknown size.
StartPoint AfterHole(const LogSource& log, const LogBounds& bounds,
                     GapPolicy policy, StartPoint::Gap gap) {
  StartPoint found;
  found.cursor = policy == GapPolicy::kNotifySkipToLatest ? bounds.latest
                                                          : bounds.earliest - 1;
  found.hello_cursor = gap.after_id.empty()
                           ? FormatReplayId(log.epoch(), found.cursor)
                           : gap.after_id;
  found.gap = std::move(gap);
  return found;
}

absl::StatusOr<StartPoint> FindAfterId(absl::string_view text,
                                       const ReplayId& after, GapPolicy policy,
                                       const LogSource& log,
                                       const LogBounds& bounds) {
  const std::string cursor(text);
  const std::string earliest_id = EarliestId(log.epoch(), bounds);
  const std::string latest_id = LatestId(log.epoch(), bounds);
  if (after.epoch != log.epoch()) {
    if (policy == GapPolicy::kFail) {
      return OutOfRange(
          "REPLAY_EPOCH_MISMATCH",
          absl::StrCat(cursor, " is of another log; this one is ", log.epoch()),
          {{"cursor", cursor},
           {"epoch", log.epoch()},
           {"earliest_id", earliest_id},
           {"latest_id", latest_id}});
    }
    return AfterHole(log, bounds, policy,
                     {StreamItem::GapReason::kEpochChanged, cursor, true});
  }
  if (after.seq > bounds.latest) {
    if (policy == GapPolicy::kFail) {
      return OutOfRange(
          "REPLAY_POSITION_IN_FUTURE",
          absl::StrCat(cursor, " is newer than the newest event ", latest_id),
          {{"cursor", cursor}, {"latest_id", latest_id}});
    }
    return AfterHole(log, bounds, policy,
                     {StreamItem::GapReason::kPositionInFuture, cursor, true});
  }
  if (after.seq + 1 < bounds.earliest && policy == GapPolicy::kFail) {
    return PositionExpired(cursor, log.epoch(), bounds);
  }
  return StartPoint{after.seq, cursor, std::nullopt, std::nullopt};
}

absl::StatusOr<StartPoint> FindTime(absl::Time time, GapPolicy policy,
                                    const LogSource& log) {
  const std::optional<uint64_t> first = log.FirstAtOrAfter(time);
  const uint64_t earliest = log.bounds().earliest;
  absl::StatusOr<StartPoint> found =
      StartFoundAt(time, first.value_or(earliest), policy, log);
  if (found.ok() && !found->gap.has_value() && !first.has_value()) {
    found->find_time = time;
  }
  return found;
}

}  // namespace

std::string EarliestId(absl::string_view epoch, const LogBounds& bounds) {
  return bounds.earliest > bounds.latest
             ? ""
             : FormatReplayId(epoch, bounds.earliest);
}

std::string LatestId(absl::string_view epoch, const LogBounds& bounds) {
  return bounds.latest == 0 ? "" : FormatReplayId(epoch, bounds.latest);
}

absl::Status PositionExpired(absl::string_view cursor, absl::string_view epoch,
                             const LogBounds& bounds) {
  const std::string earliest_id = EarliestId(epoch, bounds);
  return OutOfRange("REPLAY_POSITION_EXPIRED",
                    absl::StrCat("what follows ", cursor,
                                 " is no longer kept; the oldest event is ",
                                 earliest_id.empty() ? "none" : earliest_id),
                    {{"cursor", std::string(cursor)},
                     {"earliest_id", earliest_id},
                     {"latest_id", LatestId(epoch, bounds)}});
}

std::optional<ReplayId> CheckStart(const StartPosition& start, Faults* faults) {
  if (start.kind == StartPosition::Kind::kTail && start.tail > kMaxTail) {
    faults->Add("INVALID_FIELD", "start.tail",
                absl::StrCat(start.tail, " is more than ", kMaxTail),
                {{"value", absl::StrCat(start.tail)},
                 {"limit", absl::StrCat(kMaxTail)}});
  }
  if (start.kind != StartPosition::Kind::kAfterId) return std::nullopt;
  absl::StatusOr<ReplayId> id = ParseReplayId(start.after_id, "start.after_id");
  if (id.ok()) return *std::move(id);
  const ErrorInfo info = *GetErrorInfo(id.status());
  faults->Add(info.reason, "start.after_id",
              absl::StripPrefix(id.status().message(), "start.after_id: "),
              info.metadata);
  return std::nullopt;
}

absl::StatusOr<StartPoint> FindStart(const StartPosition& start,
                                     const std::optional<ReplayId>& after,
                                     GapPolicy policy, const LogSource& log) {
  const LogBounds bounds = log.bounds();
  uint64_t cursor = bounds.latest;
  switch (start.kind) {
    case StartPosition::Kind::kAfterId:
      return FindAfterId(start.after_id, *after, policy, log, bounds);
    case StartPosition::Kind::kAtTime:
      return FindTime(start.at_time, policy, log);
    case StartPosition::Kind::kEarliest:
      cursor = bounds.earliest - 1;
      break;
    case StartPosition::Kind::kTail:
      cursor = std::max(
          bounds.earliest - 1,
          bounds.latest - std::min<uint64_t>(bounds.latest, start.tail));
      break;
    case StartPosition::Kind::kLatest:
      break;
  }
  return StartPoint{cursor, FormatReplayId(log.epoch(), cursor), std::nullopt,
                    std::nullopt};
}

absl::StatusOr<StartPoint> StartFoundAt(absl::Time time, uint64_t first,
                                        GapPolicy policy,
                                        const LogSource& log) {
  const LogBounds bounds = log.bounds();
  if (time <= bounds.gone_time) {
    if (policy != GapPolicy::kFail) return AfterHole(log, bounds, policy, {});
    return PositionExpired(absl::FormatTime(time, absl::UTCTimeZone()),
                           log.epoch(), bounds);
  }
  while (first > bounds.earliest) {
    const std::optional<LogHole> hole = log.HoleAt(first - 1);
    if (!hole.has_value()) break;
    first = std::max(bounds.earliest, hole->first);
  }
  StartPoint found;
  found.cursor = first - 1;
  found.hello_cursor = FormatReplayId(log.epoch(), found.cursor);
  return found;
}

absl::StatusOr<StartPoint> AwaitStart(const StartPosition& start,
                                      const std::optional<ReplayId>& after,
                                      GapPolicy policy, LogSource& log) {
  absl::StatusOr<StartPoint> found = FindStart(start, after, policy, log);
  if (!found.ok() || !found->find_time.has_value()) return found;
  const std::optional<uint64_t> first =
      log.AwaitFirstAtOrAfter(*found->find_time);
  if (!first.has_value()) {
    constexpr char kWhy[] = "the journal does not answer";
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat(kWhy, "; ask again, or start elsewhere"),
                     {.reason = "JOURNAL_UNAVAILABLE",
                      .metadata = {{"detail", kWhy}},
                      .retry_delay = absl::Seconds(5)});
  }
  return StartFoundAt(start.at_time, *first, policy, log);
}

}  // namespace weir
