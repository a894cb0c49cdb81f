#include "host/broker/stream.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/broker/replay_id.h"
#include "host/broker/stream_limits.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

// Chunks that one Next looks through before it lets others have a turn: 8192
// events, some milliseconds with an expensive filter.
constexpr int kChunksPerScan = 32;

// A run that is sent as it lies costs a reference and a place in the list of
// buffers, so short runs are copied together instead.
constexpr uint64_t kWorthSharingBytes = 1024;
constexpr size_t kAlwaysShareRuns = 4;

// Of the linger; see the header.
constexpr absl::Duration kDelayOfCrowd = absl::Milliseconds(2);
constexpr double kMessagesPerSecond = 15'000;

// When a client whose replay the disk refused should come back.
constexpr absl::Duration kRetryReplay = absl::Seconds(5);

}  // namespace

Stream::Stream(const StreamEnvironment& environment, StreamSetup setup)
    : environment_(environment),
      setup_(std::move(setup)),
      feed_(environment_.log.OpenFeed([link = setup_.link] { link->Poke(); },
                                      !setup_.filter->matches_everything() ||
                                          setup_.subscription != nullptr)),
      start_id_(setup_.start.hello_cursor),
      head_at_open_(environment_.log.bounds().latest),
      filter_(setup_.filter),
      start_gap_(setup_.start.gap),
      start_time_(setup_.start.find_time) {
  progress_.start = progress_.cursor = setup_.start.cursor;
  progress_.heartbeat_at_ns = HeartbeatAfter(environment_.clock.MonotonicNs());
  Report();
}

Stream::~Stream() {
  setup_.link->Detach();
  if (setup_.on_detach) setup_.on_detach();
}

bool Stream::Next(StreamItem* item) {
  *item = StreamItem();
  const int64_t now_ns = environment_.clock.MonotonicNs();
  progress_.more = progress_.blocked = progress_.reading = false;
  progress_.write_since_ns = 0;
  const bool said = Say(now_ns, item);
  assert(progress_.delivered_events + progress_.filtered_events +
             progress_.missed_events ==
         progress_.cursor - progress_.start);
  progress_.waiting = !said;
  if (said && !progress_.ended) {
    item->batch_index = ++progress_.messages;
    said_cursor_ = progress_.cursor;
    if (item->cursor.empty()) item->cursor = IdOf(said_cursor_);
    if (setup_.subscription != nullptr) {
      setup_.subscription->OnCursor(setup_.lease, said_cursor_);
    }
    progress_.heartbeat_at_ns = HeartbeatAfter(now_ns);
    progress_.write_since_ns = now_ns;
  }
  Report();
  if (!said) AskToBeCalled(now_ns);
  return said;
}

void Stream::OnWritten(uint64_t bytes) {
  progress_.delivered_bytes += bytes;
  progress_.write_since_ns = 0;
  if (setup_.auto_ack) {
    setup_.subscription->Acknowledge(setup_.lease, said_cursor_);
  }
  Report();
}

bool Stream::Say(int64_t now_ns, StreamItem* item) {
  if (progress_.ended) return false;
  const StreamLink::Command command = setup_.link->command();
  if (!command.end.ok()) return SayEnd(command.end, item);
  if (command.filter != nullptr) filter_ = command.filter;
  if (start_time_.has_value()) {
    absl::Status found = FindStartInFile();
    if (!found.ok()) return SayEnd(std::move(found), item);
    if (start_time_.has_value()) return false;
  }
  if (!said_hello_) return SayHello(item);
  if (command.drain.has_value()) {
    return SayRest(now_ns, item) || SayDrain(*command.drain, item);
  }
  if (start_gap_.has_value()) return SayStartGap(item);
  if (!said_degraded_ && filter_->has_regexes() &&
      environment_.filter_classes.degraded()) {
    return SayDegraded(item);
  }
  if (n_announced_ < command.announcements.size()) {
    return SayAnnouncement(command.announcements[n_announced_++], item);
  }

  const LogBounds bounds = environment_.log.bounds();
  if (progress_.cursor + 1 < bounds.earliest) return SayExpired(bounds, item);
  if (LagsTooFar(bounds.latest)) return SayTooSlow(bounds, item);
  const bool stops = setup_.options.stop_at_latest;
  const uint64_t goal = stops ? head_at_open_ : bounds.latest;
  const bool had_enough = Wanted() == 0;
  if (progress_.cursor < goal && !had_enough && SayEvents(goal, now_ns, item)) {
    return true;
  }
  if (progress_.cursor >= goal) {
    if (progress_.replaying) return SayCaughtUp(goal, item);
    if (stops) return SayEnd(absl::OkStatus(), item);
  }
  if (had_enough) return SayEnd(absl::OkStatus(), item);
  return now_ns >= progress_.heartbeat_at_ns && SayHeartbeat(bounds, item);
}

absl::Status Stream::FindStartInFile() {
  const std::optional<uint64_t> first = feed_->FindTime(*start_time_);
  progress_.reading = !first.has_value();
  if (!first.has_value()) return absl::OkStatus();
  absl::StatusOr<StartPoint> start = StartFoundAt(
      *start_time_, *first, setup_.options.gap_policy, environment_.log);
  if (!start.ok()) return start.status();
  start_time_.reset();
  progress_.start = progress_.cursor = start->cursor;
  start_id_ = std::move(start->hello_cursor);
  start_gap_ = std::move(start->gap);
  return absl::OkStatus();
}

bool Stream::SayHello(StreamItem* item) {
  const LogBounds bounds = environment_.log.bounds();
  said_hello_ = true;
  item->kind = StreamItem::Kind::kHello;
  item->cursor = start_id_;
  item->hello.epoch = environment_.log.epoch();
  item->hello.earliest_id = EarliestId(item->hello.epoch, bounds);
  item->hello.latest_id = LatestId(item->hello.epoch, bounds);
  item->hello.start_cursor = start_id_;
  item->hello.backlog_events =
      bounds.latest - std::min(bounds.latest, progress_.cursor);
  item->hello.heartbeat_interval = *setup_.options.heartbeat_interval;
  item->hello.batch = setup_.options.batch;
  item->hello.batch.max_delay = absl::Nanoseconds(LingerNs());
  item->hello.stream_id = absl::StrCat("s-", setup_.link->number());
  item->hello.lease_id = setup_.lease_id;
  item->hello.server_time = environment_.clock.Now();
  return true;
}

bool Stream::SayDegraded(StreamItem* item) {
  said_degraded_ = true;
  item->kind = StreamItem::Kind::kNotice;
  item->notice.code = "FILTER_DEGRADED";
  item->notice.message =
      "the regular expressions of all filters do not fit into their memory "
      "together and are matched one by one: nothing is missed, but filtering "
      "is slow; use fewer or simpler ones, or raise "
      "limits.filter_memory_bytes";
  return true;
}

bool Stream::SayRest(int64_t now_ns, StreamItem* item) {
  const LogBounds bounds = environment_.log.bounds();
  const bool readable =
      !start_gap_.has_value() && progress_.cursor + 1 >= bounds.earliest;
  if (said_drain_ || !readable) return false;
  if (!drain_goal_.has_value()) drain_goal_ = bounds.latest;
  while (progress_.cursor < *drain_goal_) {
    progress_.held_until_ns = now_ns;  // Nothing more will come to wait for.
    if (SayEvents(*drain_goal_, now_ns, item)) return true;
    if (!progress_.more) return false;  // Held by the subscriber, or evicted.
  }
  return false;
}

bool Stream::SayDrain(absl::Duration retry_after, StreamItem* item) {
  if (said_drain_) {
    const std::string cursor =
        start_gap_.has_value() ? start_id_ : IdOf(progress_.cursor);
    return SayEnd(
        MakeError(absl::StatusCode::kUnavailable,
                  absl::StrCat("the host stops; come back with ", cursor),
                  {.reason = "SERVER_DRAINING",
                   .metadata = {{"cursor", cursor}},
                   .retry_delay = retry_after}),
        item);
  }
  said_drain_ = true;
  item->kind = StreamItem::Kind::kNotice;
  // Who was not told of the hole yet must be told of it next time.
  if (start_gap_.has_value()) item->cursor = start_id_;
  item->notice.code = "SERVER_DRAINING";
  item->notice.message = "the host stops; come back with your cursor";
  item->notice.retry_after = retry_after;
  return true;
}

bool Stream::SayAnnouncement(const StreamLink::Announcement& announcement,
                             StreamItem* item) {
  item->kind = StreamItem::Kind::kNotice;
  item->notice.code = announcement.code;
  item->notice.message = announcement.message;
  return true;
}

bool Stream::SayEnd(absl::Status status, StreamItem* item) {
  progress_.ended = true;
  item->kind = StreamItem::Kind::kEnd;
  item->end = std::move(status);
  return true;
}

bool Stream::SayStartGap(StreamItem* item) {
  const StartPoint::Gap gap = *std::exchange(start_gap_, std::nullopt);
  const bool has_next = progress_.cursor < environment_.log.bounds().latest;
  item->kind = StreamItem::Kind::kGap;
  item->gap.reason = gap.reason;
  item->gap.after_id = gap.after_id;
  item->gap.before_id = has_next ? IdOf(progress_.cursor + 1) : "";
  item->gap.resync_required = gap.resync_required;
  ++progress_.gaps;
  if (setup_.subscription != nullptr) {
    setup_.subscription->OnGap(setup_.lease, 0);
  }
  return true;
}

bool Stream::SayExpired(const LogBounds& bounds, StreamItem* item) {
  switch (setup_.options.gap_policy) {
    case GapPolicy::kFail:
      return SayEnd(PositionExpired(IdOf(progress_.cursor),
                                    environment_.log.epoch(), bounds),
                    item);
    case GapPolicy::kNotify:
      return SayGap(StreamItem::GapReason::kRetention, bounds.earliest - 1,
                    bounds, item);
    case GapPolicy::kNotifySkipToLatest:
      return SayGap(StreamItem::GapReason::kRetention, bounds.latest, bounds,
                    item);
  }
  return false;
}

bool Stream::SayHole(const LogHole& hole, const LogBounds& bounds,
                     StreamItem* item) {
  if (setup_.options.gap_policy != GapPolicy::kFail) {
    const bool skips =
        setup_.options.gap_policy == GapPolicy::kNotifySkipToLatest;
    return SayGap(hole.reason, skips ? bounds.latest : hole.last, bounds, item);
  }
  const std::string first = IdOf(progress_.cursor + 1);
  const std::string last = IdOf(hole.last);
  if (hole.reason != StreamItem::GapReason::kCorruption) {
    LogBounds after = bounds;
    after.earliest = hole.last + 1;
    return SayEnd(PositionExpired(IdOf(progress_.cursor),
                                  environment_.log.epoch(), after),
                  item);
  }
  return SayEnd(
      MakeError(absl::StatusCode::kDataLoss,
                absl::StrCat("the journal cannot be read from ", first, " to ",
                             last, "; go on after ", last),
                {.reason = "JOURNAL_CORRUPT",
                 .metadata = {{"first_bad_id", first}, {"last_bad_id", last}}}),
      item);
}

bool Stream::SayUnavailable(StreamItem* item) {
  const std::string cursor = IdOf(progress_.cursor);
  constexpr char kWhy[] = "the journal cannot be read now";
  return SayEnd(MakeError(absl::StatusCode::kUnavailable,
                          absl::StrCat(kWhy, "; come back with ", cursor),
                          {.reason = "JOURNAL_UNAVAILABLE",
                           .metadata = {{"cursor", cursor}, {"detail", kWhy}},
                           .retry_delay = kRetryReplay}),
                item);
}

bool Stream::LagsTooFar(uint64_t latest) const {
  if (setup_.options.lag_policy == LagPolicy::kCatchUp ||
      setup_.options.stop_at_latest) {
    return false;
  }
  // A replay that was asked for is no lag: only what came since counts.
  const uint64_t from = std::max(progress_.cursor, head_at_open_);
  return latest > from && latest - from > setup_.options.max_lag_events;
}

bool Stream::SayTooSlow(const LogBounds& bounds, StreamItem* item) {
  if (setup_.options.lag_policy == LagPolicy::kSkip) {
    return SayGap(StreamItem::GapReason::kSlowConsumer, bounds.latest, bounds,
                  item);
  }
  const std::string cursor = IdOf(progress_.cursor);
  const uint64_t lag = bounds.latest - progress_.cursor;
  return SayEnd(
      MakeError(
          absl::StatusCode::kResourceExhausted,
          absl::StrCat("the client is ", lag, " events behind; at most ",
                       setup_.options.max_lag_events,
                       " were asked for; come back with ", cursor),
          {.reason = "SLOW_CONSUMER",
           .metadata = {{"cursor", cursor}, {"lag_events", absl::StrCat(lag)}},
           .retry_delay = absl::ZeroDuration()}),
      item);
}

bool Stream::SayGap(StreamItem::GapReason reason, uint64_t to,
                    const LogBounds& bounds, StreamItem* item) {
  const uint64_t missing = to - progress_.cursor;
  item->kind = StreamItem::Kind::kGap;
  item->gap.reason = reason;
  item->gap.after_id = IdOf(progress_.cursor);
  item->gap.before_id = to < bounds.latest ? IdOf(to + 1) : "";
  item->gap.missing = missing;
  progress_.cursor = to;
  progress_.missed_events += missing;
  ++progress_.gaps;
  progress_.replaying = true;
  if (setup_.subscription != nullptr) {
    setup_.subscription->OnGap(setup_.lease, missing);
  }
  return true;
}

bool Stream::SayEvents(uint64_t goal, int64_t now_ns, StreamItem* item) {
  const bool live = !progress_.replaying;
  Batch batch;
  batch.room = std::min<uint64_t>(setup_.options.batch.max_events, Wanted());
  if (live && goal - progress_.cursor < batch.room &&
      now_ns < progress_.held_until_ns) {
    return false;
  }
  if (setup_.subscription != nullptr) {
    batch.room = std::min(batch.room, setup_.subscription->Room(setup_.lease));
    progress_.blocked = batch.room == 0;
    if (progress_.blocked) return false;
  }
  Scan(goal, &batch);
  if (live) progress_.held_until_ns = HeldUntilNs(now_ns);
  if (batch.runs.empty() && batch.hole.has_value()) {
    return SayHole(*batch.hole, environment_.log.bounds(), item);
  }
  if (batch.runs.empty() && batch.unavailable) return SayUnavailable(item);
  progress_.reading = progress_.reading && batch.runs.empty();
  progress_.more =
      batch.runs.empty() && progress_.cursor < goal && !progress_.reading;
  if (batch.runs.empty()) return false;

  TellSubscription(batch);
  item->kind = StreamItem::Kind::kEvents;
  item->n_events = batch.n_events;
  PutPieces(batch, item);
  if (live) {
    const Run& oldest = batch.runs.front();
    environment_.append_to_write.Record(oldest.chunk->append_ns(oldest.begin),
                                        now_ns, batch.n_events);
  }
  return true;
}

void Stream::Scan(uint64_t goal, Batch* batch) {
  for (int i = 0; i < kChunksPerScan; ++i) {
    if (progress_.cursor >= goal || batch->full) return;
    const ChunkView view = Look(progress_.cursor + 1, batch);
    if (view.chunk == nullptr) return;
    ScanChunk(view, goal, batch);
  }
}

ChunkView Stream::Look(uint64_t seq, Batch* batch) {
  using State = ReplayFeed::State;
  const ChunkView view = environment_.log.Find(seq);
  // Without a file: evicted since the bounds were read.
  if (view.chunk != nullptr || feed_ == nullptr) {
    if (std::exchange(below_ring_, false)) feed_->LetGo();
    return view;
  }
  below_ring_ = true;
  batch->hole = environment_.log.HoleAt(seq);
  if (batch->hole.has_value()) return {};
  ReplayFeed::Answer answer = feed_->Take(seq);
  switch (answer.state) {
    case State::kEvents:
      return std::move(answer.view);
    case State::kBad:
      batch->hole = {seq, answer.bad_last, StreamItem::GapReason::kCorruption};
      return {};
    case State::kMoved:
      return {};
    case State::kPending:
      progress_.reading = true;
      return {};
    case State::kUnavailable:
      batch->unavailable = true;
      return {};
  }
  return {};
}

void Stream::ScanChunk(const LogSource::View& view, uint64_t goal,
                       Batch* batch) {
  const Chunk& chunk = *view.chunk;
  const auto begin =
      static_cast<uint32_t>(progress_.cursor + 1 - chunk.first());
  const auto end = static_cast<uint32_t>(
      std::min<uint64_t>(view.n, goal + 1 - chunk.first()));
  const bool all = filter_->matches_everything();
  EventMask mask;
  if (!all) {
    const ChunkScans scans =
        filter_->has_regexes()
            ? environment_.filter_classes.ScansOf(chunk.first())
            : ChunkScans();
    mask = chunk.Match(*filter_, begin, end, scans);
  }
  bool in_run = false;
  for (uint32_t i = begin; i < end; ++i) {
    const uint32_t passes = all ? i : std::min(mask.NextFrom(i), end);
    if (passes > i) {
      progress_.filtered_events += passes - i;
      progress_.cursor += passes - i;
      in_run = false;
      i = passes;
      if (i == end) return;
    }
    const uint64_t size = chunk.framed(i, i + 1).size();
    batch->full = batch->n_events == batch->room ||
                  (batch->n_events > 0 &&
                   batch->bytes + size > setup_.options.batch.max_bytes);
    if (batch->full) return;
    if (!in_run) batch->runs.push_back({view.chunk, i, i});
    in_run = true;
    batch->runs.back().end = i + 1;
    batch->bytes += size;
    ++batch->n_events;
    ++progress_.delivered_events;
    ++progress_.cursor;
  }
}

void Stream::PutPieces(const Batch& batch, StreamItem* item) const {
  const bool share = batch.runs.size() <= kAlwaysShareRuns ||
                     batch.bytes / batch.runs.size() >= kWorthSharingBytes;
  if (share && !setup_.options.headers_only) {
    for (const Run& run : batch.runs) {
      item->pieces.push_back(
          {run.chunk->bytes(), run.chunk->framed(run.begin, run.end)});
    }
    return;
  }
  auto copy = std::make_shared<std::string>();
  copy->reserve(batch.bytes);
  for (const Run& run : batch.runs) {
    if (!setup_.options.headers_only) {
      absl::StrAppend(copy.get(), run.chunk->framed(run.begin, run.end));
      continue;
    }
    for (uint32_t i = run.begin; i < run.end; ++i) {
      environment_.codec.AppendHeadersOnly(run.chunk->framed(i, i + 1),
                                           copy.get());
    }
  }
  const absl::string_view bytes = *copy;
  item->pieces.push_back({std::move(copy), bytes});
}

void Stream::TellSubscription(const Batch& batch) {
  if (setup_.subscription == nullptr) return;
  std::vector<SubscriptionCursor::Run> runs;
  for (const Run& run : batch.runs) {
    runs.push_back(
        {run.chunk->first() + run.begin, run.chunk->first() + run.end - 1});
  }
  setup_.subscription->OnDelivered(setup_.lease, runs);
}

bool Stream::SayCaughtUp(uint64_t goal, StreamItem* item) {
  progress_.replaying = false;
  item->kind = StreamItem::Kind::kCaughtUp;
  item->latest_id = goal == 0 ? "" : IdOf(goal);
  return true;
}

bool Stream::SayHeartbeat(const LogBounds& bounds, StreamItem* item) {
  item->kind = StreamItem::Kind::kHeartbeat;
  item->latest_id = LatestId(environment_.log.epoch(), bounds);
  item->lag_events = bounds.latest - std::min(bounds.latest, progress_.cursor);
  item->server_time = environment_.clock.Now();
  item->blocked_on_ack = progress_.blocked;
  if (setup_.subscription != nullptr) {
    item->unacked_events = setup_.subscription->state().unacked_events;
  }
  return true;
}

uint64_t Stream::Wanted() const {
  const uint64_t most = setup_.options.stop_after_events;
  if (most == 0) return std::numeric_limits<uint64_t>::max();
  return most - std::min(most, progress_.delivered_events);
}

int64_t Stream::LingerNs() const {
  const double n_streams =
      environment_.n_streams.load(std::memory_order_relaxed);
  const absl::Duration delay = setup_.options.batch.max_delay.value_or(
      std::max(kDefaultDelay, kDelayOfCrowd * std::sqrt(n_streams)));
  return absl::ToInt64Nanoseconds(
      std::max(delay, absl::Seconds(n_streams / kMessagesPerSecond)));
}

int64_t Stream::HeldUntilNs(int64_t now_ns) const {
  const int64_t linger_ns = std::max<int64_t>(LingerNs(), 1);
  return (now_ns / linger_ns + 1) * linger_ns;
}

int64_t Stream::HeartbeatAfter(int64_t now_ns) const {
  const int64_t interval_ns =
      absl::ToInt64Nanoseconds(*setup_.options.heartbeat_interval);
  const int64_t step_ns = interval_ns / kHeartbeatSpread;
  const auto part = static_cast<int64_t>(setup_.link->number() % 8);
  const int64_t at_ns = now_ns + interval_ns - step_ns * part;
  return at_ns - at_ns % step_ns;
}

std::string Stream::IdOf(uint64_t seq) const {
  return FormatReplayId(environment_.log.epoch(), seq);
}

void Stream::Report() { setup_.link->Report(progress_); }

void Stream::AskToBeCalled(int64_t now_ns) {
  Alarm& alarm = environment_.alarm;
  // In this order: what is appended after the question rings, what was appended
  // before it is seen here.
  const bool awaits = setup_.link->AwaitsNews(progress_.cursor, now_ns);
  if (awaits) {
    alarm.AwaitNews();
  } else if (progress_.held_until_ns > now_ns) {
    alarm.SetFor(progress_.held_until_ns);
  }
  alarm.SetFor(setup_.link->DueNs(environment_.log.bounds().latest));
}

}  // namespace weir
