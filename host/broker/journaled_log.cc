#include "host/broker/journaled_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/broker/chunk.h"
#include "host/log/log.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

// A group is committed at so many events or bytes, or at commit_interval.
constexpr uint64_t kGroupEvents = 256;
constexpr uint64_t kGroupBytes = 64 << 10;
// Chunks in one transaction: after a burst, 4096 events or 1 MiB.
constexpr size_t kSlicesPerCommit = 16;
// How often retention looks, and recovery is tried.
constexpr absl::Duration kChoreInterval = absl::Seconds(1);
// 4 MiB of write-ahead log.
constexpr int kCheckpointPages = 1000;
constexpr absl::Duration kFlush = absl::Seconds(2);
constexpr absl::Duration kAwaitTime = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<JournaledLog>> JournaledLog::Open(
    const JournaledLogOptions& options, const EventCodec& codec,
    const Clock& clock) {
  auto journal = SqliteJournal::Open(options.journal);
  if (!journal.ok()) return journal.status();
  return std::unique_ptr<JournaledLog>(
      new JournaledLog(options, *std::move(journal), codec, clock));
}

JournaledLog::JournaledLog(const JournaledLogOptions& options,
                           std::unique_ptr<SqliteJournal> journal,
                           const EventCodec& codec, const Clock& clock)
    : options_(options),
      clock_(clock),
      journal_(std::move(journal)),
      ring_(options.ring,
            {.epoch = journal_->contents().epoch,
             .last = journal_->contents().last,
             .last_time = journal_->contents().last_time,
             .held = true},
            codec, clock),
      readers_(
          options.replay, [this] { return journal_->OpenReader(); }, *this,
          codec, clock),
      durable_(journal_->contents().last),
      holes_(journal_->contents().holes),
      earliest_(journal_->contents().earliest),
      earliest_time_(journal_->contents().earliest_time),
      gone_time_(journal_->contents().gone_time) {
  // Only the ring knows whether what is appended is seen at once: this log may
  // degrade, or recover, before Append has returned.
  ring_.SetListener([this](int64_t append_ns, uint64_t n) {
    Tell({n, append_ns});
  });
  Release();
}

JournaledLog::~JournaledLog() {
  std::thread writer;
  std::thread checkpointer;
  {
    MutexLock lock(&mu_);
    closing_ = abandoned_ = true;
    work_.NotifyAll();
    room_.NotifyAll();
    wal_grew_.NotifyAll();
    writer = std::move(writer_);
    checkpointer = std::move(checkpointer_);
  }
  if (writer.joinable()) writer.join();
  if (checkpointer.joinable()) checkpointer.join();
  readers_.Stop();
}

void JournaledLog::Start() {
  readers_.Start();
  MutexLock lock(&mu_);
  writer_ = std::thread([this] { Write(); });
  checkpointer_ = std::thread([this] { RunCheckpoints(); });
}

absl::Status JournaledLog::AwaitRoom(uint64_t n) {
  MutexLock lock(&mu_);
  while (!closing_ && !degraded_ &&
         ring_.appended_bytes() - committed_bytes_ >
             options_.max_pending_bytes) {
    room_.Wait(&mu_);
  }
  if (closing_) return MemoryLog::Closed();
  if (degraded_ && ring_.appended() - durable_ + n >
                       SqliteJournal::kDegradedNumbers - kGroupEvents) {
    return MakeError(
        absl::StatusCode::kUnavailable,
        absl::StrCat("no numbers are left without the journal: ", error_),
        {.reason = "JOURNAL_UNAVAILABLE",
         .metadata = {{"detail", error_}},
         .retry_delay = kChoreInterval});
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> JournaledLog::Append(Event event) {
  if (absl::Status status = AwaitRoom(1); !status.ok()) return status;
  absl::StatusOr<uint64_t> seq = ring_.Append(std::move(event));
  if (seq.ok()) OnAppended(1);
  return seq;
}

absl::StatusOr<uint64_t> JournaledLog::AppendAll(std::vector<Event> events) {
  const size_t n = events.size();
  if (absl::Status status = AwaitRoom(n); !status.ok()) return status;
  absl::StatusOr<uint64_t> first = ring_.AppendAll(std::move(events));
  if (first.ok()) OnAppended(n);
  return first;
}

void JournaledLog::Tell(const MemoryLog::Shown& shown) const {
  if (shown.n > 0 && on_visible_) on_visible_(shown.append_ns, shown.n);
}

void JournaledLog::OnAppended(uint64_t n) {
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  const uint64_t pending_bytes = ring_.appended_bytes() - committed_bytes_;
  const uint64_t before = pending_events_;
  pending_events_ += n;
  if (before == 0) pending_since_ns_ = now_ns;
  if (before == 0 ||
      (before < kGroupEvents &&
       (pending_events_ >= kGroupEvents || pending_bytes >= kGroupBytes))) {
    work_.NotifyOne();
  }
}

void JournaledLog::Write() {
  while (true) {
    AwaitWork();
    bool chores = false;
    bool degraded = false;
    {
      MutexLock lock(&mu_);
      if (closing_) return;
      degraded = degraded_;
      const int64_t now_ns = clock_.MonotonicNs();
      chores = now_ns >= next_chore_ns_;
      if (chores) {
        next_chore_ns_ = now_ns + absl::ToInt64Nanoseconds(kChoreInterval);
      }
    }
    if (!degraded) {
      Commit();
    } else if (chores) {
      Recover();
    }
    if (chores) Prune();
  }
}

void JournaledLog::AwaitWork() {
  MutexLock lock(&mu_);
  while (!closing_) {
    const int64_t now_ns = clock_.MonotonicNs();
    int64_t due_ns = next_chore_ns_;
    if (!degraded_) {
      if (pending_events_ >= kGroupEvents || !unsaved_.empty() ||
          ring_.appended_bytes() - committed_bytes_ >= kGroupBytes) {
        return;
      }
      if (pending_events_ > 0) {
        due_ns = std::min(
            due_ns, pending_since_ns_ +
                        absl::ToInt64Nanoseconds(options_.commit_interval));
      }
    }
    if (now_ns >= due_ns) return;
    work_.WaitFor(&mu_, absl::Nanoseconds(due_ns - now_ns));
  }
}

void JournaledLog::Step() {
  if (degraded()) {
    Recover();
  } else {
    Commit();
  }
  Prune();
  if (journal_->wal_pages() >= kCheckpointPages) {
    journal_->Checkpoint().IgnoreError();
  }
}

void JournaledLog::FillRow(const MemoryLog::Slice& slice, JournalBatch* batch) {
  const Chunk& chunk = *slice.chunk;
  batch->rows.push_back({slice.first(), slice.end - slice.begin,
                         absl::ToUnixNanos(chunk.append_time(slice.begin)),
                         absl::ToUnixNanos(chunk.append_time(slice.end - 1)),
                         chunk.framed(slice.begin, slice.end)});
}

absl::StatusOr<bool> JournaledLog::CommitSome() {
  JournalBatch batch;
  std::map<std::string, std::optional<SavedSubscription>> unsaved;
  uint64_t durable = 0;
  {
    MutexLock lock(&mu_);
    durable = durable_;
    unsaved.swap(unsaved_);
  }
  // In this order: what is not in the ring then was not appended later.
  const uint64_t appended = ring_.appended();
  const auto slices = ring_.After(durable, kSlicesPerCommit);
  const uint64_t in_ring =
      slices.empty() ? appended + 1 : slices.front().first();
  uint64_t to = durable;
  uint64_t bytes = 0;
  if (in_ring > durable + 1) {  // Degraded for longer than the ring keeps.
    batch.holes.push_back(
        {durable + 1, in_ring - 1, StreamItem::GapReason::kRetention});
    to = in_ring - 1;
  }
  for (const MemoryLog::Slice& slice : slices) {
    FillRow(slice, &batch);
    to = slice.last();
    bytes += batch.rows.back().body.size();
  }
  for (auto& [name, saved] : unsaved) {
    if (saved.has_value()) {
      batch.saved.push_back(*saved);
    } else {
      batch.forgotten.push_back(name);
    }
  }
  const int64_t begin_ns = clock_.MonotonicNs();
  const absl::Status status =
      batch.empty() ? absl::OkStatus() : journal_->Commit(batch);
  const int64_t end_ns = clock_.MonotonicNs();
  if (status.ok() && !batch.empty()) commit_time_.Record(begin_ns, end_ns, 1);

  const uint64_t all_bytes = ring_.appended_bytes();
  const uint64_t now_appended = ring_.appended();
  const auto next = ring_.After(to, 1);
  MutexLock lock(&mu_);
  if (!status.ok()) {
    // What was said meanwhile is newer.
    unsaved_.merge(std::move(unsaved));
    return status;
  }
  if (!batch.empty()) ++commits_;
  durable_ = to;
  holes_.insert(holes_.end(), batch.holes.begin(), batch.holes.end());
  if (!batch.rows.empty() && earliest_time_ == absl::InfinitePast()) {
    earliest_time_ = absl::FromUnixNanos(batch.rows.front().t0_ns);
  }
  committed_bytes_ = now_appended == to ? all_bytes : committed_bytes_ + bytes;
  pending_events_ = now_appended - to;
  if (!next.empty()) {
    pending_since_ns_ = next.front().chunk->append_ns(next.front().begin);
  }
  room_.NotifyAll();
  if (journal_->wal_pages() >= kCheckpointPages && !checkpoint_due_) {
    checkpoint_due_ = true;
    wal_grew_.NotifyOne();
  }
  return to > durable || !batch.empty();
}

void JournaledLog::Commit() {
  const absl::StatusOr<bool> more = CommitSome();
  if (!more.ok()) {
    Degrade(more.status());
    return;
  }
  if (!*more) return;
  const MemoryLog::Shown shown = Release();
  {
    MutexLock lock(&mu_);
    room_.NotifyAll();  // For Flush.
  }
  if (shown.n > 0) {
    Tell(shown);
  } else if (on_visible_ && options_.journal.shown_ahead) {
    on_visible_(clock_.MonotonicNs(), 0);  // Somebody may wait for the disk.
  }
}

MemoryLog::Shown JournaledLog::Release() {
  MemoryLog::Shown shown = ring_.Release(durable());
  if (!options_.journal.shown_ahead) return shown;
  const MemoryLog::Shown ahead = ring_.Show(journal_->reserved());
  if (shown.n == 0) return ahead;
  shown.n += ahead.n;
  return shown;
}

void JournaledLog::Degrade(const absl::Status& why) {
  // First of all: from here on events are seen that a restart would not know.
  const absl::Status marked = journal_->SetIntact(false);
  if (!marked.ok()) {
    LogError("journal", "IDs may be given twice if the host is killed now: ",
             marked.message());
  }
  {
    MutexLock lock(&mu_);
    degraded_ = true;
    error_ = std::string(why.message());
    ++commit_errors_;
    room_.NotifyAll();
  }
  LogError("journal", "events are kept in memory only: ", why.message());
  Tell(ring_.Hold(false));
}

void JournaledLog::Recover() {
  // From now on what is appended is visible when it is committed.
  ring_.Hold(true);
  absl::Status status;
  while (status.ok()) {
    const absl::StatusOr<bool> more = CommitSome();
    status = more.status();
    if (more.ok() && !*more) break;
  }
  if (status.ok()) status = journal_->SetIntact(true);
  const MemoryLog::Shown shown = status.ok() ? Release() : ring_.Hold(false);
  {
    MutexLock lock(&mu_);
    if (status.ok()) {
      degraded_ = false;
      error_.clear();
    } else {
      ++commit_errors_;
      error_ = std::string(status.message());
    }
  }
  if (status.ok()) LogInfo("journal", "events are on disk again");
  Tell(shown);
}

void JournaledLog::Prune() {
  {
    MutexLock lock(&mu_);
    if (degraded_) return;
  }
  const auto cut =
      journal_->FindCut(options_.retention, clock_.Now(), durable());
  if (!cut.ok()) {
    LogWarning("journal", "retention: ", cut.status().message());
    return;
  }
  if (!cut->has_value()) return;
  // First nobody looks there any more, then it is deleted.
  {
    MutexLock lock(&mu_);
    pruned_events_ += (*cut)->last + 1 - std::min(earliest_, (*cut)->last + 1);
    earliest_ = std::max(earliest_, (*cut)->last + 1);
    earliest_time_ = (*cut)->earliest_time;
    gone_time_ = std::max(gone_time_, (*cut)->last_time);
    holes_.erase(std::remove_if(holes_.begin(), holes_.end(),
                                [&](const LogHole& hole) {
                                  return hole.last <= (*cut)->last;
                                }),
                 holes_.end());
    next_chore_ns_ = clock_.MonotonicNs();  // There may be more.
  }
  const absl::Status status = journal_->Prune(**cut);
  if (!status.ok()) LogWarning("journal", "retention: ", status.message());
}

void JournaledLog::Close() {
  std::thread writer;
  {
    MutexLock lock(&mu_);
    if (closing_) return;
    closing_ = true;
    work_.NotifyAll();
    room_.NotifyAll();
    writer = std::move(writer_);
  }
  if (writer.joinable()) writer.join();
  // Who was not too late for the ring is in time for the journal.
  ring_.Seal();
  // The one thread that writes is this one now.
  while (!degraded()) {
    {
      MutexLock lock(&mu_);
      if (ring_.appended() == durable_ && unsaved_.empty()) break;
    }
    Commit();
  }
  if (degraded()) Recover();
  const absl::Status status =
      degraded() ? absl::UnavailableError("the newest events are not in it")
                 : journal_->Close();
  if (!status.ok()) LogError("journal", "not closed: ", status.message());
}

void JournaledLog::RunCheckpoints() {
  while (true) {
    {
      MutexLock lock(&mu_);
      while (!checkpoint_due_ && !abandoned_) wal_grew_.Wait(&mu_);
      if (abandoned_) return;
    }
    const absl::Status status = journal_->Checkpoint();
    if (!status.ok()) LogWarning("journal", "checkpoint: ", status.message());
    MutexLock lock(&mu_);
    checkpoint_due_ = false;
  }
}

void JournaledLog::Flush() {
  const uint64_t goal = ring_.appended();
  const int64_t end_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(kFlush);
  MutexLock lock(&mu_);
  while (writer_.joinable() && ring_.bounds().latest < goal && !closing_) {
    const int64_t left_ns = end_ns - clock_.MonotonicNs();
    if (left_ns <= 0) return;
    room_.WaitFor(&mu_, absl::Nanoseconds(left_ns));
  }
}

bool JournaledLog::degraded() const {
  MutexLock lock(&mu_);
  return degraded_;
}

uint64_t JournaledLog::durable() const {
  MutexLock lock(&mu_);
  return durable_;
}

std::optional<JournalStats> JournaledLog::journal() const {
  JournalStats stats;
  stats.bytes = journal_->FileBytes();
  stats.wal_bytes = journal_->WalBytes();
  stats.commit = commit_time_.Read(clock_.MonotonicNs());
  stats.replay_reads = readers_.reads();
  const ReplayReaders::Load load = readers_.load();
  stats.replays = load.active;
  stats.replays_most = load.most_active;
  stats.replays_waiting = load.waiting;
  MutexLock lock(&mu_);
  stats.commits = commits_;
  stats.commit_errors = commit_errors_;
  stats.pruned_events = pruned_events_;
  stats.degraded = degraded_;
  stats.error = error_;
  return stats;
}

LogBounds JournaledLog::bounds() const {
  LogBounds bounds = ring_.bounds();
  MutexLock lock(&mu_);
  if (bounds.latest_time == absl::InfinitePast()) {
    bounds.latest_time =
        std::max(bounds.gone_time, journal_->contents().last_time);
  }
  if (earliest_ < bounds.earliest) {
    bounds.earliest = earliest_;
    bounds.earliest_time = earliest_time_;
    bounds.gone_time = gone_time_;
  } else if (bounds.gone_time == absl::InfinitePast()) {
    // The ring has all that came since the start, however much of that
    // retention took from the journal.
    bounds.gone_time = std::min(gone_time_, journal_->contents().last_time);
  }
  return bounds;
}

std::optional<LogHole> JournaledLog::HoleAt(uint64_t seq) const {
  MutexLock lock(&mu_);
  for (const LogHole& hole : holes_) {
    if (hole.first <= seq && seq <= hole.last) return hole;
  }
  return std::nullopt;
}

uint64_t JournaledLog::NextHole(uint64_t seq) const {
  MutexLock lock(&mu_);
  for (const LogHole& hole : holes_) {
    if (hole.first > seq) return hole.first;
  }
  return std::numeric_limits<uint64_t>::max();
}

std::optional<uint64_t> JournaledLog::FirstAtOrAfter(absl::Time time) const {
  const LogBounds ring = ring_.bounds();
  const std::optional<uint64_t> in_ring = ring_.FirstAtOrAfter(time);
  MutexLock lock(&mu_);
  // The newest event before the ring.
  const absl::Time before =
      std::max(ring.gone_time, journal_->contents().last_time);
  if (*in_ring > ring.earliest || earliest_ >= ring.earliest || before < time) {
    return in_ring;
  }
  if (time <= earliest_time_) return earliest_;
  return std::nullopt;
}

std::optional<uint64_t> JournaledLog::AwaitFirstAtOrAfter(absl::Time time) {
  if (const auto known = FirstAtOrAfter(time); known.has_value()) return known;
  struct Answer {
    Mutex mu;
    CondVar changed;
    bool ready ABSL_GUARDED_BY(mu) = false;
  };
  // Shared with the reader, which may come after this has given up.
  const auto answer = std::make_shared<Answer>();
  const auto feed = readers_.Open(
      [answer] {
        MutexLock lock(&answer->mu);
        answer->ready = true;
        answer->changed.NotifyAll();
      },
      false);
  std::optional<uint64_t> found = feed->FindTime(time);
  if (options_.replay.threads == 0) readers_.RunOne();
  {
    MutexLock lock(&answer->mu);
    if (!answer->ready) answer->changed.WaitFor(&answer->mu, kAwaitTime);
  }
  if (!found.has_value()) found = feed->FindTime(time);
  return found;
}

void JournaledLog::Save(SavedSubscription subscription) {
  MutexLock lock(&mu_);
  std::string name = subscription.name;
  unsaved_[std::move(name)] = std::move(subscription);
  work_.NotifyOne();
}

void JournaledLog::Forget(const std::string& name) {
  MutexLock lock(&mu_);
  unsaved_[name] = std::nullopt;
  work_.NotifyOne();
}

}  // namespace weir
