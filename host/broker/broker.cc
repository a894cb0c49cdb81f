#include "host/broker/broker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/broker/event_check.h"
#include "host/broker/published_check.h"
#include "host/broker/replay_id.h"
#include "host/broker/start_position.h"
#include "host/broker/stream_limits.h"
#include "host/status/error_info.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

// The bounds and defaults of weir.v1.SubscribeRequest.
constexpr size_t kMaxClientNameBytes = 128;
constexpr uint64_t kDefaultMaxLagEvents = 100'000;

// A write that is pending for so long counts as stalled (weir.v1.BrokerStats).
constexpr absl::Duration kStalled = absl::Seconds(5);

// When somebody who found all places taken should ask again: streams end one by
// one, all the time.
constexpr absl::Duration kRetryOpen = absl::Seconds(5);

uint32_t Effective(uint32_t value, uint32_t standard, uint32_t most) {
  return value == 0 ? standard : std::min(value, most);
}

// Puts the default where nothing is set, and the limit where it is exceeded.
void SetEffective(StreamOptions* options) {
  BatchOptions& batch = options->batch;
  batch.max_events =
      Effective(batch.max_events, kDefaultBatchEvents, kMaxBatchEvents);
  batch.max_bytes =
      Effective(batch.max_bytes, kDefaultBatchBytes, kMaxBatchBytes);
  if (batch.max_delay.has_value()) {
    batch.max_delay =
        std::clamp(*batch.max_delay, absl::ZeroDuration(), kMaxDelay);
  }
  options->heartbeat_interval =
      std::clamp(options->heartbeat_interval.value_or(kDefaultHeartbeat),
                 kMinHeartbeat, kMaxHeartbeat);
  if (options->max_lag_events == 0) {
    options->max_lag_events = kDefaultMaxLagEvents;
  }
}

void CheckClientName(const StreamOptions& options, Faults* faults) {
  const size_t size = options.client_name.size();
  if (size <= kMaxClientNameBytes) return;
  faults->Add("INVALID_FIELD", "client_name",
              absl::StrCat(size, " bytes; the limit is ", kMaxClientNameBytes),
              {{"limit", absl::StrCat(kMaxClientNameBytes)}});
}

std::string ClientOf(const StreamOptions& options) {
  return absl::StrCat(
      options.peer,
      options.peer.empty() || options.client_name.empty() ? "" : " ",
      options.client_name);
}

}  // namespace

void Broker::Totals::Add(const StreamProgress& progress) {
  delivered_events += progress.delivered_events;
  delivered_bytes += progress.delivered_bytes;
  filtered_events += progress.filtered_events;
  gaps += progress.gaps;
  missed_events += progress.missed_events;
}

Broker::Broker(const BrokerOptions& options, std::string epoch,
               const EventCodec& codec, const Clock& clock)
    : Broker(options,
             std::make_unique<MemoryLog>(
                 options.log, MemoryLogStart{.epoch = std::move(epoch)}, codec,
                 clock),
             codec, clock) {}

Broker::Broker(const BrokerOptions& options, std::unique_ptr<WritableLog> log,
               const EventCodec& codec, const Clock& clock)
    : options_(options),
      codec_(codec),
      clock_(clock),
      owned_log_(std::move(log)),
      log_(*owned_log_),
      waiters_(log_),
      filter_classes_(options.regex_budget_bytes),
      environment_{log_,           codec,      clock,
                   alarm_,         n_streams_, append_to_write_,
                   filter_classes_} {
  log_.SetListener(
      [this](int64_t append_ns, uint64_t n) { OnVisible(append_ns, n); });
}

Broker::~Broker() { Close(); }

void Broker::Start() {
  log_.Start();
  filter_classes_.Start();
  MutexLock lock(&mu_);
  if (!closed_) thread_ = std::thread([this] { Run(); });
}

void Broker::Run() {
  while (alarm_.Wait(clock_)) Tick();
}

void Broker::Tick() {
  log_.EvictOld();
  const int64_t now_ns = clock_.MonotonicNs();
  const std::vector<std::shared_ptr<StreamLink>> links = Links();
  waiters_.Answer();
  TellOfJournal(links);
  const uint64_t before = log_.bounds().latest;
  for (const auto& link : links) {
    EndIfStalled(*link, now_ns);
    if (link->AwaitsNews(before, now_ns)) alarm_.AwaitNews();
  }
  // Read again: what was appended before the question above did not ring.
  const uint64_t latest = log_.bounds().latest;
  for (const auto& link : links) {
    int64_t due_ns = link->DueNs(latest);
    if (due_ns <= now_ns) {
      link->Notify();
      due_ns = link->DueNs(log_.bounds().latest);
    }
    alarm_.SetFor(due_ns);
    // Whoever is idle but holds what comes next: ask for news from then on.
    if (const int64_t held_ns = link->progress().held_until_ns;
        held_ns > now_ns) {
      alarm_.SetFor(held_ns);
    }
  }
}

bool Broker::TickIfDue() {
  if (alarm_.at_ns() > clock_.MonotonicNs()) return false;
  if (alarm_.Wait(clock_)) Tick();
  return true;
}

void Broker::EndIfStalled(StreamLink& link, int64_t now_ns) {
  const StreamProgress progress = link.progress();
  if (progress.write_since_ns == 0) return;
  const absl::Duration blocked =
      absl::Nanoseconds(now_ns - progress.write_since_ns);
  if (blocked < options_.write_stall) return;
  const std::string cursor = FormatReplayId(log_.epoch(), progress.cursor);
  const std::string blocked_for = absl::FormatDuration(blocked);
  link.End(
      MakeError(absl::StatusCode::kUnavailable,
                absl::StrCat("the client has not read for ", blocked_for,
                             "; come back with the last cursor it saw"),
                {.reason = "WRITE_STALLED",
                 .metadata = {{"cursor", cursor}, {"blocked_for", blocked_for}},
                 .retry_delay = kRetryOpen}));
}

void Broker::TellOfJournal(
    const std::vector<std::shared_ptr<StreamLink>>& links) {
  const bool degraded = log_.degraded();
  {
    MutexLock lock(&mu_);
    if (told_degraded_ == degraded || closed_) return;
    told_degraded_ = degraded;
  }
  const std::string why = log_.journal().value_or(JournalStats()).error;
  for (const auto& link : links) {
    if (degraded) {
      link->Announce({"JOURNAL_DEGRADED",
                      absl::StrCat("events are kept in memory only: ", why)});
    } else {
      link->Announce({"JOURNAL_RECOVERED", "events are on disk again"});
    }
  }
  Event event;
  event.type = degraded ? "weir.journal.degraded" : "weir.journal.recovered";
  event.source = "host";
  event.severity = degraded ? Severity::kError : Severity::kNotice;
  if (degraded) {
    event.json = absl::StrCat(R"({"error":)", ToJsonString(why), "}");
  }
  Publish(std::move(event)).IgnoreError();  // The log says it, too.
}

void Broker::Drain(absl::Duration retry_after) {
  {
    MutexLock lock(&mu_);
    if (drain_.has_value()) return;
    drain_ = retry_after;
  }
  log_.Flush();
  for (const auto& link : Links()) link->Drain(retry_after);
}

void Broker::Close() {
  Drain(kRetryOpen);
  std::thread thread;
  {
    MutexLock lock(&mu_);
    closed_ = true;
    thread = std::move(thread_);
  }
  filter_classes_.Stop();
  alarm_.Stop();
  if (thread.joinable()) {
    thread.join();
    Tick();  // So that nobody waits for an end that nobody tells him of.
  }
  log_.Close();
  waiters_.Close();
}

bool Broker::closed() const {
  MutexLock lock(&mu_);
  return closed_;
}

void Broker::OnVisible(int64_t append_ns, uint64_t n) {
  if (n > 0) append_to_visible_.Record(append_ns, clock_.MonotonicNs(), n);
  waiters_.Answer();
  alarm_.News();
}

absl::Status Broker::Publish(Event event) {
  if (closed()) {
    return absl::FailedPreconditionError(
        "the event log is closed: the host stops");
  }
  if (absl::Status status = CheckEvent(event); !status.ok()) return status;
  return log_.Append(std::move(event)).status();
}

void Broker::Append(std::vector<Event> events, Durability durability,
                    const Done& done) {
  if (closed()) {
    done(MakeError(absl::StatusCode::kUnavailable, "the host stops",
                   {.reason = "SERVER_DRAINING", .retry_delay = kRetryOpen}));
    return;
  }
  if (absl::Status status = CheckPublished(events, log_.epoch(), codec_);
      !status.ok()) {
    done(status);
    return;
  }
  if (durability == Durability::kJournaled && !log_.journal().has_value()) {
    // No retry delay: it will not have one later either.
    constexpr char kNone[] = "this host keeps its log in memory only";
    done(MakeError(
        absl::StatusCode::kUnavailable,
        absl::StrCat(kNone, "; ask for DURABILITY_ACCEPTED"),
        {.reason = "JOURNAL_UNAVAILABLE", .metadata = {{"detail", kNone}}}));
    return;
  }
  if (durability == Durability::kJournaled && log_.degraded()) {
    done(PublishWaiters::Unavailable(log_));
    return;
  }
  const size_t n = events.size();
  const absl::StatusOr<uint64_t> first =
      n == 0 ? absl::StatusOr<uint64_t>(1) : log_.AppendAll(std::move(events));
  if (!first.ok()) {
    done(first.status());
    return;
  }
  std::vector<std::string> ids;
  ids.reserve(n);
  for (uint64_t seq = *first; seq < *first + n; ++seq) {
    ids.push_back(FormatReplayId(log_.epoch(), seq));
  }
  waiters_.Add({n == 0 ? 0 : *first + n - 1, durability, std::move(ids), done});
}

absl::StatusOr<std::unique_ptr<EventStream>> Broker::Open(
    StreamOptions options, std::function<void()> ready) {
  Faults faults;
  const std::optional<ReplayId> after = CheckStart(options.start, &faults);
  CheckClientName(options, &faults);
  std::shared_ptr<const FilterClass> filter =
      filter_classes_.Get(options.filters, &faults);
  if (!faults.empty()) return faults.ToStatus();
  absl::StatusOr<StartPoint> start =
      FindStart(options.start, after, options.gap_policy, log_);
  if (!start.ok()) return start.status();
  absl::StatusOr<Attached> opened =
      OpenAt(std::move(options), *std::move(start), std::move(filter), {},
             std::move(ready), nullptr);
  if (!opened.ok()) return opened.status();
  return std::move(opened->stream);
}

absl::StatusOr<Broker::Attached> Broker::Attach(
    StreamOptions options, uint64_t after, Attachment attachment,
    std::function<void()> ready, std::function<void()> on_detach) {
  Faults faults;
  CheckClientName(options, &faults);
  std::shared_ptr<const FilterClass> filter =
      filter_classes_.Get(options.filters, &faults);
  if (!faults.empty()) return faults.ToStatus();
  StartPosition position;
  position.kind = StartPosition::Kind::kAfterId;
  position.after_id = FormatReplayId(log_.epoch(), after);
  absl::StatusOr<StartPoint> start = FindStart(
      position, ReplayId{log_.epoch(), after}, options.gap_policy, log_);
  if (!start.ok()) return start.status();
  return OpenAt(std::move(options), *std::move(start), std::move(filter),
                std::move(attachment), std::move(ready), std::move(on_detach));
}

absl::Status Broker::CheckOpenLocked() const {
  if (drain_.has_value()) {
    return MakeError(absl::StatusCode::kUnavailable, "the host stops",
                     {.reason = "SERVER_DRAINING", .retry_delay = *drain_});
  }
  if (links_.size() < options_.max_streams) return absl::OkStatus();
  const std::string limit = absl::StrCat(options_.max_streams);
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("there are ", limit, " streams, the limit of this server"),
      {.reason = "TOO_MANY_SUBSCRIBERS",
       .metadata = {{"limit", limit}, {"scope", "server"}},
       .retry_delay = kRetryOpen});
}

absl::StatusOr<Broker::Attached> Broker::OpenAt(
    StreamOptions options, StartPoint start,
    std::shared_ptr<const FilterClass> filter, Attachment attachment,
    std::function<void()> ready, std::function<void()> on_detach) {
  SetEffective(&options);
  std::shared_ptr<StreamLink> link;
  {
    MutexLock lock(&mu_);
    if (absl::Status status = CheckOpenLocked(); !status.ok()) return status;
    const uint64_t number = ++last_number_;
    link =
        std::make_shared<StreamLink>(number, attachment.name, ClientOf(options),
                                     clock_.Now(), std::move(ready), alarm_);
    links_[number] = link;
    n_streams_.store(static_cast<uint32_t>(links_.size()),
                     std::memory_order_relaxed);
  }
  StreamSetup setup;
  setup.options = std::move(options);
  setup.start = std::move(start);
  setup.filter = std::move(filter);
  setup.link = link;
  setup.subscription = std::move(attachment.cursor);
  setup.lease = attachment.lease;
  setup.lease_id = std::move(attachment.lease_id);
  setup.auto_ack = attachment.auto_ack;
  setup.on_detach = [this, number = link->number(),
                     also = std::move(on_detach)] {
    Forget(number);
    if (also) also();
  };
  return Attached{std::make_unique<Stream>(environment_, std::move(setup)),
                  link};
}

void Broker::Forget(uint64_t number) {
  MutexLock lock(&mu_);
  const auto at = links_.find(number);
  gone_.Add(at->second->progress());
  links_.erase(at);
  n_streams_.store(static_cast<uint32_t>(links_.size()),
                   std::memory_order_relaxed);
}

std::vector<std::shared_ptr<StreamLink>> Broker::Links() const {
  std::vector<std::shared_ptr<StreamLink>> links;
  MutexLock lock(&mu_);
  links.reserve(links_.size());
  for (const auto& [number, link] : links_) links.push_back(link);
  return links;
}

LogInfo Broker::Info() const {
  const LogBounds bounds = log_.bounds();
  LogInfo info;
  info.epoch = log_.epoch();
  info.earliest_id = EarliestId(info.epoch, bounds);
  info.latest_id = LatestId(info.epoch, bounds);
  if (const uint64_t durable = log_.durable(); durable > 0) {
    info.durable_id = FormatReplayId(info.epoch, durable);
  }
  if (bounds.ring_earliest <= bounds.latest) {
    info.ring_earliest_id = FormatReplayId(info.epoch, bounds.ring_earliest);
  }
  info.earliest_time = bounds.earliest_time;
  info.latest_time = bounds.latest_time;
  info.event_count = bounds.latest + 1 - bounds.earliest;
  info.journal_bytes = log_.journal().value_or(JournalStats()).bytes;
  info.retention_age = log_.retention().age;
  info.retention_bytes = log_.retention().bytes;
  return info;
}

BrokerStats Broker::Stats() const {
  const LogBounds bounds = log_.bounds();
  const int64_t now_ns = clock_.MonotonicNs();
  BrokerStats stats;
  Totals totals;
  {
    MutexLock lock(&mu_);
    totals = gone_;
    stats.subscribers = static_cast<uint32_t>(links_.size());
    for (const auto& [number, link] : links_) {
      const StreamProgress progress = link->progress();
      totals.Add(progress);
      stats.replaying_subscribers += progress.replaying ? 1 : 0;
      const bool stalled =
          progress.write_since_ns != 0 &&
          absl::Nanoseconds(now_ns - progress.write_since_ns) > kStalled;
      stats.stalled_streams += stalled ? 1 : 0;
    }
  }
  stats.epoch = log_.epoch();
  stats.latest_seq = bounds.latest;
  stats.earliest_seq = bounds.earliest;
  stats.ring_earliest_seq = bounds.ring_earliest;
  stats.durable_seq = log_.durable();
  stats.appended_events = log_.appended_events();
  stats.appended_bytes = log_.appended_bytes();
  stats.delivered_events = totals.delivered_events;
  stats.delivered_bytes = totals.delivered_bytes;
  stats.filtered_events = totals.filtered_events;
  stats.gaps_sent = totals.gaps;
  stats.missed_events = totals.missed_events;
  stats.filter_classes = static_cast<uint32_t>(filter_classes_.size());
  stats.append_to_visible = append_to_visible_.Read(now_ns);
  stats.append_to_write = append_to_write_.Read(now_ns);
  return stats;
}

std::vector<SubscriberStats> Broker::Subscribers() const {
  const int64_t now_ns = clock_.MonotonicNs();
  std::vector<SubscriberStats> all;
  for (const auto& link : Links()) {
    const StreamProgress progress = link->progress();
    SubscriberStats stats;
    stats.stream_id = absl::StrCat("s-", link->number());
    stats.subscription = link->subscription();
    stats.client = link->client();
    stats.start_cursor = FormatReplayId(log_.epoch(), progress.start);
    stats.cursor = FormatReplayId(log_.epoch(), progress.cursor);
    const uint64_t latest = log_.bounds().latest;
    stats.lag_events = latest - std::min(latest, progress.cursor);
    stats.delivered_events = progress.delivered_events;
    stats.delivered_bytes = progress.delivered_bytes;
    stats.filtered_events = progress.filtered_events;
    stats.missed_events = progress.missed_events;
    stats.messages = progress.messages;
    stats.gaps = progress.gaps;
    stats.replaying = progress.replaying;
    if (progress.write_since_ns != 0) {
      stats.write_blocked = absl::Nanoseconds(now_ns - progress.write_since_ns);
    }
    stats.start_time = link->start_time();
    all.push_back(std::move(stats));
  }
  return all;
}

}  // namespace weir
