#include "host/broker/subscription_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/broker/replay_id.h"
#include "host/broker/start_position.h"
#include "host/broker/subscription_settings.h"
#include "host/log/log.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::Duration kRetryCreate = absl::Minutes(1);
constexpr absl::string_view kNamePrefix = "subscriptions/";

absl::Status Error(absl::StatusCode code, absl::string_view reason,
                   absl::string_view message, absl::string_view name,
                   std::map<std::string, std::string> metadata = {}) {
  metadata["name"] = std::string(name);
  return MakeError(
      code, absl::StrCat(name, ": ", message),
      {.reason = std::string(reason), .metadata = std::move(metadata)});
}

// Whoever writes an etag means the settings that it read.
absl::Status CheckEtag(const Subscription& settings, absl::string_view etag) {
  if (etag.empty() || etag == settings.etag) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
               absl::StrCat("is now ", settings.etag, ", not ",
                            absl::Utf8SafeCHexEscape(etag.substr(0, 64)),
                            "; read it again"),
               settings.name, {{"etag", settings.etag}});
}

}  // namespace

SubscriptionStore::SubscriptionStore(Broker& broker, const Clock& clock,
                                     size_t max_subscriptions, Storage storage)
    : broker_(broker),
      clock_(clock),
      max_subscriptions_(max_subscriptions),
      storage_(storage) {
  if (storage_.archive != nullptr) Restore();
}

void SubscriptionStore::Restore() {
  MutexLock lock(&mu_);
  last_lease_ = static_cast<uint64_t>(absl::ToUnixMicros(clock_.Now()));
  for (const SavedSubscription& saved : storage_.archive->Saved()) {
    std::optional<Subscription> settings = storage_.codec->Read(saved.settings);
    if (!settings.has_value() || settings->name != saved.name) {
      LogError(saved.name,
               "what the journal says of it cannot be read; create it again");
      continue;
    }
    Record record;
    record.cursor = std::make_shared<SubscriptionCursor>(
        saved.acked, settings->max_unacked_events, settings->gap_count,
        settings->missed_events);
    record.last_ack_time = settings->last_ack_time;
    record.last_use_time = absl::FromUnixNanos(saved.used_unix_ns);
    record.settings = *std::move(settings);
    record.saved = MarkOf(record);
    records_[saved.name] = std::move(record);
  }
}

// What of a record changes by itself. Whoever is attached uses it, to the
// minute.
std::array<int64_t, 5> SubscriptionStore::MarkOf(const Record& record) const {
  const SubscriptionCursor::State cursor = record.cursor->state();
  const absl::Time used =
      record.attached == nullptr
          ? record.last_use_time
          : std::max(record.last_use_time,
                     absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()) /
                                           60 * 60));
  return {static_cast<int64_t>(cursor.acked), static_cast<int64_t>(cursor.gaps),
          static_cast<int64_t>(cursor.missed_events),
          absl::ToUnixNanos(record.last_ack_time), absl::ToUnixNanos(used)};
}

void SubscriptionStore::SaveLocked(Record& record) {
  if (storage_.archive == nullptr) return;
  record.saved = MarkOf(record);
  Subscription s = record.settings;
  s.gap_count = static_cast<uint64_t>(record.saved[1]);
  s.missed_events = static_cast<uint64_t>(record.saved[2]);
  s.last_ack_time = record.last_ack_time;
  storage_.archive->Save({s.name, storage_.codec->Write(s),
                          static_cast<uint64_t>(record.saved[0]),
                          record.saved[4]});
}

void SubscriptionStore::SaveMoved() {
  if (storage_.archive == nullptr) return;
  MutexLock lock(&mu_);
  ForgetOldLocked();
  for (auto& [name, record] : records_) {
    if (record.saved != MarkOf(record)) SaveLocked(record);
  }
}

absl::StatusOr<uint64_t> SubscriptionStore::Find(
    const StartPosition& start, const std::optional<ReplayId>& after,
    GapPolicy policy) const {
  absl::StatusOr<StartPoint> found =
      AwaitStart(start, after, policy, broker_.log());
  // Nobody is listening who could be told of a hole of unknown size.
  if (found.ok() && found->gap.has_value()) {
    found = AwaitStart(start, after, GapPolicy::kFail, broker_.log());
  }
  if (!found.ok()) return found.status();
  return found->cursor;
}

absl::StatusOr<SubscriptionStore::Record> SubscriptionStore::MakeRecord(
    absl::string_view id, Subscription settings, const StartPosition& start) {
  Faults faults;
  CheckSubscriptionId(id, &faults);
  CheckSettings(settings, &faults);
  const std::optional<ReplayId> after = CheckStart(start, &faults);
  broker_.FilterOf(settings.filters, &faults);
  if (!faults.empty()) return faults.ToStatus();
  const absl::StatusOr<uint64_t> found =
      Find(start, after, settings.gap_policy);
  if (!found.ok()) return found.status();

  Record record;
  record.settings = std::move(settings);
  record.settings.name = absl::StrCat(kNamePrefix, id);
  SetDefaults(&record.settings);
  record.settings.create_time = record.settings.update_time = clock_.Now();
  record.settings.etag = EtagOf(record.settings);
  record.cursor = std::make_shared<SubscriptionCursor>(
      *found, record.settings.max_unacked_events);
  record.last_use_time = clock_.Now();
  return record;
}

absl::StatusOr<Subscription> SubscriptionStore::Create(
    absl::string_view id, Subscription settings, StartPosition start,
    absl::string_view request_id, bool validate_only) {
  absl::StatusOr<Record> made = MakeRecord(id, std::move(settings), start);
  MutexLock lock(&mu_);
  ForgetOldLocked();
  if (const auto known = requests_.find(request_id); known != requests_.end()) {
    return known->second.answer;
  }
  if (!made.ok()) return made.status();
  const std::string name = made->settings.name;
  if (records_.contains(name)) {
    return Error(absl::StatusCode::kAlreadyExists, "SUBSCRIPTION_EXISTS",
                 "is there already", name);
  }
  if (records_.size() >= max_subscriptions_) {
    const std::string limit = absl::StrCat(max_subscriptions_);
    return MakeError(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat("there are ", limit,
                     " subscriptions, the limit of this server; delete one"),
        {.reason = "TOO_MANY_SUBSCRIPTIONS",
         .metadata = {{"limit", limit}, {"scope", "server"}},
         .retry_delay = kRetryCreate});
  }
  const Subscription answer = DescribeLocked(*made);
  if (validate_only) return answer;
  SaveLocked(records_[name] = *std::move(made));
  if (!request_id.empty()) {
    requests_[std::string(request_id)] = {clock_.Now(), answer};
  }
  return answer;
}

absl::StatusOr<Subscription> SubscriptionStore::Get(
    absl::string_view name) const {
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const absl::StatusOr<Record*> record = FindLocked(name);
  if (!record.ok()) return record.status();
  return DescribeLocked(**record);
}

std::vector<Subscription> SubscriptionStore::List() const {
  MutexLock lock(&mu_);
  ForgetOldLocked();
  std::vector<Subscription> all;
  for (const auto& [name, record] : records_) {
    all.push_back(DescribeLocked(record));
  }
  return all;
}

absl::StatusOr<Subscription> SubscriptionStore::Update(
    absl::string_view name, Subscription settings, SubscriptionFields fields,
    absl::string_view etag) {
  Faults faults;
  // Of what is not named nothing counts, so nothing can be wrong with it.
  Subscription changed;
  Change(settings, fields, &changed);
  CheckSettings(changed, &faults);
  const std::shared_ptr<const FilterClass> filter =
      broker_.FilterOf(changed.filters, &faults);
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const absl::StatusOr<Record*> found = FindLocked(name);
  if (!found.ok()) return found.status();
  if (!faults.empty()) return faults.ToStatus();
  Record& record = **found;
  if (absl::Status status = CheckEtag(record.settings, etag); !status.ok()) {
    return status;
  }
  Change(settings, fields, &record.settings);
  SetDefaults(&record.settings);
  record.settings.update_time = clock_.Now();
  record.settings.etag = EtagOf(record.settings);
  record.cursor->SetMaxUnacked(record.settings.max_unacked_events);
  if (record.attached != nullptr) {
    if (fields.filters) record.attached->SetFilter(filter);
    record.attached->Poke();  // There may be more room now.
  }
  SaveLocked(record);
  return DescribeLocked(record);
}

absl::StatusOr<Subscription> SubscriptionStore::Seek(
    absl::string_view name, const StartPosition& start) {
  Faults faults;
  const std::optional<ReplayId> after = CheckStart(start, &faults);
  GapPolicy policy = GapPolicy::kNotify;
  {
    MutexLock lock(&mu_);
    ForgetOldLocked();
    const absl::StatusOr<Record*> found = FindLocked(name);
    if (!found.ok()) return found.status();
    if (!faults.empty()) return faults.ToStatus();
    policy = (*found)->settings.gap_policy;
  }
  // Not under the lock: this may read a file, and others acknowledge meanwhile.
  const absl::StatusOr<uint64_t> seq = Find(start, after, policy);
  if (!seq.ok()) return seq.status();
  MutexLock lock(&mu_);
  const absl::StatusOr<Record*> found = FindLocked(name);
  if (!found.ok()) return found.status();
  Record& record = **found;
  // In this order: what the old consumer is still given does not count.
  record.cursor->Seek(*seq);
  if (record.attached != nullptr) {
    record.attached->End(Error(absl::StatusCode::kAborted, "LEASE_LOST",
                               "its position was moved; consume again", name));
    // Whoever consumes next need not wait until the old one is gone.
    record.attached = nullptr;
    record.attached_lease = 0;
  }
  record.last_use_time = clock_.Now();
  SaveLocked(record);
  return DescribeLocked(record);
}

absl::Status SubscriptionStore::Delete(absl::string_view name,
                                       absl::string_view etag,
                                       bool allow_missing) {
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const absl::StatusOr<Record*> found = FindLocked(name);
  if (!found.ok()) return allow_missing ? absl::OkStatus() : found.status();
  const Record& record = **found;
  if (absl::Status status = CheckEtag(record.settings, etag); !status.ok()) {
    return status;
  }
  if (record.attached != nullptr) {
    record.attached->End(Error(absl::StatusCode::kNotFound,
                               "SUBSCRIPTION_DELETED", "was deleted", name));
  }
  const auto at = records_.find(name);
  if (storage_.archive != nullptr) storage_.archive->Forget(at->first);
  records_.erase(at);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<EventStream>> SubscriptionStore::Consume(
    ConsumeOptions options, std::function<void()> ready) {
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const absl::StatusOr<Record*> found = FindLocked(options.name);
  if (!found.ok()) return found.status();
  Record& record = **found;
  if (record.attached != nullptr && !options.takeover) {
    const std::string since =
        absl::FormatTime(record.attached->start_time(), absl::UTCTimeZone());
    return Error(
        absl::StatusCode::kFailedPrecondition, "SUBSCRIPTION_BUSY",
        absl::StrCat("\"", record.attached->client(), "\" consumes it since ",
                     since, "; set takeover to detach it"),
        options.name,
        {{"attached_client", record.attached->client()}, {"since", since}});
  }
  StreamOptions stream;
  stream.filters = record.settings.filters;
  stream.gap_policy = record.settings.gap_policy;
  stream.batch = options.batch;
  stream.heartbeat_interval = options.heartbeat_interval;
  stream.client_name = options.client_name;
  stream.peer = options.peer;
  const uint64_t lease = ++last_lease_;
  absl::StatusOr<Broker::Attached> attached = broker_.Attach(
      std::move(stream), record.cursor->state().acked,
      {options.name, record.cursor, lease, LeaseId(lease), options.auto_ack},
      std::move(ready),
      [this, name = options.name, lease] { OnDetach(name, lease); });
  if (!attached.ok()) return attached.status();
  // Only now that there is a successor.
  if (record.attached != nullptr) {
    record.attached->End(Error(absl::StatusCode::kAborted, "LEASE_LOST",
                               "another consumer took it over", options.name));
  }
  record.cursor->Attach(lease);
  record.attached = attached->link;
  record.attached_lease = lease;
  return std::move(attached->stream);
}

void SubscriptionStore::OnDetach(const std::string& name, uint64_t lease) {
  MutexLock lock(&mu_);
  const auto at = records_.find(name);
  if (at == records_.end() || at->second.attached_lease != lease) return;
  at->second.attached = nullptr;
  at->second.last_use_time = clock_.Now();
}

absl::StatusOr<Subscriptions::Acknowledged> SubscriptionStore::Acknowledge(
    absl::string_view name, absl::string_view cursor,
    absl::string_view lease_id) {
  const absl::StatusOr<ReplayId> id = ParseReplayId(cursor, "cursor");
  if (!id.ok()) return id.status();
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const absl::StatusOr<Record*> found = FindLocked(name);
  if (!found.ok()) return found.status();
  Record& record = **found;
  const SubscriptionCursor::State before = record.cursor->state();
  if (before.lease == 0 || lease_id != LeaseId(before.lease)) {
    return Error(absl::StatusCode::kAborted, "LEASE_LOST",
                 "the lease is stale; consume again", name);
  }
  const std::string epoch = broker_.log().epoch();
  const bool mine = id->epoch == epoch;
  const auto acked = mine ? record.cursor->Acknowledge(before.lease, id->seq)
                          : SubscriptionCursor::Ack::kBeyondDelivered;
  if (acked != SubscriptionCursor::Ack::kDone) {
    const std::string delivered = FormatReplayId(epoch, before.delivered);
    return Error(
        absl::StatusCode::kFailedPrecondition, "ACK_BEYOND_DELIVERED",
        absl::StrCat(cursor, " was not delivered under this lease; ", delivered,
                     " was"),
        name,
        {{"cursor", std::string(cursor)}, {"delivered_cursor", delivered}});
  }
  record.last_ack_time = record.last_use_time = clock_.Now();
  if (record.attached != nullptr && record.attached->progress().blocked) {
    record.attached->Poke();
  }
  const SubscriptionCursor::State after = record.cursor->state();
  return Acknowledged{FormatReplayId(epoch, after.acked), after.unacked_events};
}

void SubscriptionStore::ForgetOldLocked() const {
  const absl::Time now = clock_.Now();
  for (auto at = records_.begin(); at != records_.end();) {
    if (DescribeLocked(at->second).expire_time > now) {
      ++at;
      continue;
    }
    if (storage_.archive != nullptr) storage_.archive->Forget(at->first);
    at = records_.erase(at);
  }
  for (auto at = requests_.begin(); at != requests_.end();) {
    at = at->second.time + kRequestTtl <= now ? requests_.erase(at)
                                              : std::next(at);
  }
}

absl::StatusOr<SubscriptionStore::Record*> SubscriptionStore::FindLocked(
    absl::string_view name) const {
  const auto at = records_.find(name);
  if (at != records_.end()) return &at->second;
  return Error(absl::StatusCode::kNotFound, "SUBSCRIPTION_NOT_FOUND",
               "there is no such subscription",
               absl::Utf8SafeCHexEscape(name.substr(0, 128)));
}

Subscription SubscriptionStore::DescribeLocked(const Record& record) const {
  using State = Subscription::State;
  const std::string& epoch = broker_.log().epoch();
  const LogBounds bounds = broker_.log().bounds();
  const SubscriptionCursor::State cursor = record.cursor->state();
  Subscription s = record.settings;
  s.ack_cursor = FormatReplayId(epoch, cursor.acked);
  s.delivered_cursor = FormatReplayId(epoch, cursor.delivered);
  s.backlog_events = bounds.latest - std::min(bounds.latest, cursor.acked);
  s.unacked_events = cursor.unacked_events;
  s.gap_count = cursor.gaps;
  s.missed_events = cursor.missed_events;
  s.last_ack_time = record.last_ack_time;
  if (record.attached != nullptr) {
    const StreamProgress progress = record.attached->progress();
    s.state = progress.blocked     ? State::kBlocked
              : progress.replaying ? State::kReplaying
                                   : State::kLive;
    s.attached_client = record.attached->client();
    s.lease_id = LeaseId(record.attached_lease);
    return s;
  }
  s.state = cursor.acked + 1 < bounds.earliest ? State::kExpired : State::kIdle;
  const absl::Duration ttl = s.idle_ttl.value_or(kDefaultIdleTtl);
  if (ttl > absl::ZeroDuration()) s.expire_time = record.last_use_time + ttl;
  return s;
}

// Of this log: a lease from before a restart is none of ours.
std::string SubscriptionStore::LeaseId(uint64_t lease) const {
  return absl::StrCat("L-", FormatReplayId(broker_.log().epoch(), lease));
}

}  // namespace weir
