#include "host/source/source_set.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "host/log/log.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status NoSuchSource(absl::string_view name) {
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("no source is called \"", name,
                   "\"; sources are named sources/{id of the configuration}"),
      {.reason = "SOURCE_NOT_FOUND",
       .metadata = {{"source", std::string(name)}}});
}

absl::string_view StateName(SourceStatus::State state) {
  switch (state) {
    case SourceStatus::State::kConnecting:
      return "connecting";
    case SourceStatus::State::kConnected:
      return "connected";
    case SourceStatus::State::kStale:
      return "stale";
    case SourceStatus::State::kPaused:
      return "paused";
    case SourceStatus::State::kBackingOff:
      return "backing off";
    case SourceStatus::State::kFailed:
      return "failed";
    case SourceStatus::State::kFinished:
      return "finished";
    case SourceStatus::State::kStopped:
      return "stopped";
  }
  return "unknown";
}

uint64_t Sum(const std::map<std::string, uint64_t>& counts) {
  uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

}  // namespace

struct SourceSet::Member {
  Member(SourceSpec spec, EventSink& events, const Clock& clock,
         const SleeperFactory& sleepers)
      : fill_stats(std::move(spec.fill_stats)),
        blocked_by(std::move(spec.blocked_by)),
        streamer(spec.options, std::move(spec.source), *spec.sink, events,
                 clock, sleepers) {}

  SourceStats GetStats() {
    SourceStats stats;
    if (fill_stats) fill_stats(&stats);
    streamer.FillStats(&stats);
    return stats;
  }

  SourceStatus GetStatus() const {
    SourceStatus status = streamer.GetStatus();
    if (status.blocked && blocked_by) status.blocked_by = blocked_by();
    return status;
  }

  const std::function<void(SourceStats*)> fill_stats;
  const std::function<std::vector<std::string>()> blocked_by;
  Streamer streamer;
};

SourceSet::SourceSet(EventSink& events, const Clock& clock,
                     SleeperFactory sleepers)
    : events_(events), clock_(clock), sleepers_(std::move(sleepers)) {}

SourceSet::~SourceSet() { Stop(); }

absl::Status SourceSet::Add(SourceSpec spec) {
  const std::string name = absl::StrCat("sources/", spec.options.id);
  auto member =
      std::make_shared<Member>(std::move(spec), events_, clock_, sleepers_);
  MutexLock lock(&mu_);
  if (stopped_) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " was added after the sources had been stopped"));
  }
  if (!members_.emplace(name, member).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("two sources are called ", name, "; give one another id"));
  }
  if (started_) member->streamer.Start();
  return absl::OkStatus();
}

absl::Status SourceSet::Remove(absl::string_view name) {
  std::shared_ptr<Member> member;
  {
    MutexLock lock(&mu_);
    const auto it = members_.find(name);
    if (it == members_.end()) return NoSuchSource(name);
    member = std::move(it->second);
    members_.erase(it);
  }
  member->streamer.Stop();
  return absl::OkStatus();
}

void SourceSet::Start() {
  MutexLock lock(&mu_);
  if (stopped_) return;
  started_ = true;
  for (const auto& [name, member] : members_) member->streamer.Start();
}

void SourceSet::Stop() {
  {
    MutexLock lock(&mu_);
    stopped_ = true;
  }
  const std::vector<std::shared_ptr<Member>> members = Members();
  for (const auto& member : members) member->streamer.RequestStop();
  for (const auto& member : members) member->streamer.Stop();
}

void SourceSet::CheckHealth() {
  for (const auto& member : Members()) {
    member->streamer.CheckHealth(member->GetStats().lag);
  }
}

void SourceSet::LogStats() const {
  for (const auto& member : Members()) {
    const SourceStats stats = member->GetStats();
    const SourceStatus status = member->GetStatus();
    LogInfo(stats.name, StateName(status.state), ", ", stats.messages,
            " messages, ", stats.bytes, " bytes, ",
            absl::StrFormat("%.0f/s, %.0f bit/s", stats.messages_per_second,
                            stats.bits_per_second),
            ", lag ", absl::FormatDuration(stats.lag), "; ", stats.parse_errors,
            " parse errors, ", Sum(stats.skipped_by_reason), " skipped, ",
            stats.unknown_types, " of unknown type, ", stats.upstream_errors,
            " upstream errors; ", stats.reconnects, " reconnects, ",
            stats.connect_failures, " failed; ", stats.outages, " outages of ",
            absl::FormatDuration(stats.outage_time), "; blocked for ",
            absl::FormatDuration(stats.blocked_time), "; ", stats.open_batches,
            " batches open, ", stats.incomplete_batches, " incomplete");
  }
}

void SourceSet::ReportUpstreamError(absl::string_view name,
                                    absl::string_view message) {
  if (const auto member = Find(name); member != nullptr) {
    member->streamer.ReportUpstreamError(message);
  }
}

std::vector<SourceStatus> SourceSet::List() const {
  std::vector<SourceStatus> list;
  for (const auto& member : Members()) list.push_back(member->GetStatus());
  return list;
}

std::vector<SourceStats> SourceSet::Stats() const {
  std::vector<SourceStats> list;
  for (const auto& member : Members()) list.push_back(member->GetStats());
  return list;
}

absl::StatusOr<SourceStatus> SourceSet::Pause(absl::string_view name,
                                              absl::string_view reason) {
  const auto member = Find(name);
  if (member == nullptr) return NoSuchSource(name);
  member->streamer.Pause(reason);
  return member->GetStatus();
}

absl::StatusOr<SourceStatus> SourceSet::Resume(absl::string_view name,
                                               absl::string_view reason) {
  const auto member = Find(name);
  if (member == nullptr) return NoSuchSource(name);
  member->streamer.Resume(reason);
  return member->GetStatus();
}

absl::StatusOr<SourceStatus> SourceSet::Reconnect(absl::string_view name,
                                                  bool reset_backoff,
                                                  absl::string_view reason) {
  const auto member = Find(name);
  if (member == nullptr) return NoSuchSource(name);
  if (absl::Status status = member->streamer.Reconnect(reset_backoff, reason);
      !status.ok()) {
    return status;
  }
  return member->GetStatus();
}

std::shared_ptr<SourceSet::Member> SourceSet::Find(
    absl::string_view name) const {
  MutexLock lock(&mu_);
  const auto it = members_.find(name);
  return it == members_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<SourceSet::Member>> SourceSet::Members() const {
  MutexLock lock(&mu_);
  std::vector<std::shared_ptr<Member>> members;
  for (const auto& [name, member] : members_) members.push_back(member);
  return members;
}

}  // namespace weir
