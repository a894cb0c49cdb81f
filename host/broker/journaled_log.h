#ifndef WEIR_HOST_BROKER_JOURNALED_LOG_H_
#define WEIR_HOST_BROKER_JOURNALED_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/latency_meter.h"
#include "host/broker/log_source.h"
#include "host/broker/memory_log.h"
#include "host/broker/replay_feed.h"
#include "host/broker/replay_readers.h"
#include "host/broker/sqlite_journal.h"
#include "host/broker/subscription_archive.h"
#include "host/broker/writable_log.h"
#include "host/control/event_log.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// The defaults are those of weir.v1.BrokerConfig.
struct JournaledLogOptions {
  // `journal.shown_ahead` is FAST mode.
  SqliteJournalOptions journal;
  MemoryLogOptions ring;
  absl::Duration commit_interval = absl::Milliseconds(5);
  SqliteJournal::Retention retention = {
      .age = absl::Hours(24), .bytes = uint64_t{2} << 30, .events = 0};
  ReplayReadersOptions replay;
  // Serialized events that wait for their commit; beyond it Append waits.
  uint64_t max_pending_bytes = 16 << 20;
};

// The log of DURABLE and FAST mode: a ring in front, a journal behind. In
// DURABLE mode an event is visible when it is committed, so a restart forgets
// nothing that anybody saw.
//
//   Append --> MemoryLog --(256 events, 64 KiB or 5 ms)--> SqliteJournal
//                  |  <-- Release, after the commit ---------'     |
//                  '--> Find                  ReplayReaders --> OpenFeed
//
// FAST mode: an event is visible at once, and in the journal after its commit.
// What was not committed when the process is killed is lost, though it was
// seen: readers are told of a hole that reaches to the last number which the
// journal had reserved, and none is given twice. Nothing is shown beyond that
// number, so if events outrun the writer they wait for it. The ring forgets
// none of them before it is committed.
//
// Degraded: when a commit fails, the log goes on in memory. Events are visible
// at once, the ring forgets as it would without a journal, and every second
// the journal is tried again. When it works, what the ring still has is
// written, and what it has not is recorded as a hole, which readers are told
// of. Numbers are not given twice even if the host is killed in this state
// (SqliteJournal).
//
// Threads, all started by Start: one writes (commits, retention, recovery), one
// checkpoints, ReplayReaders read. Tests without them call Step.
class JournaledLog final : public WritableLog, public SubscriptionArchive {
 public:
  // The errors are those of SqliteJournal::Open. `codec` and `clock` must
  // outlive the log.
  static absl::StatusOr<std::unique_ptr<JournaledLog>> Open(
      const JournaledLogOptions& options, const EventCodec& codec,
      const Clock& clock);

  // As after kill -9, if Close was not called.
  ~JournaledLog() override;

  void SetListener(OnVisible on_visible) override {
    on_visible_ = std::move(on_visible);
  }
  void Start() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<uint64_t> Append(Event event) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<uint64_t> AppendAll(std::vector<Event> events) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void EvictOld() override { ring_.EvictOld(); }
  void Close() override ABSL_LOCKS_EXCLUDED(mu_);
  void Flush() override ABSL_LOCKS_EXCLUDED(mu_);
  Retention retention() const override {
    return {options_.retention.age, options_.retention.bytes};
  }
  bool degraded() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t appended_events() const override { return ring_.appended_events(); }
  uint64_t appended_bytes() const override { return ring_.appended_bytes(); }
  uint64_t durable() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<JournalStats> journal() const override ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& epoch() const override { return ring_.epoch(); }
  LogBounds bounds() const override ABSL_LOCKS_EXCLUDED(mu_);
  View Find(uint64_t seq) const override { return ring_.Find(seq); }
  std::optional<LogHole> HoleAt(uint64_t seq) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t NextHole(uint64_t seq) const override ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<uint64_t> FirstAtOrAfter(absl::Time time) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<uint64_t> AwaitFirstAtOrAfter(absl::Time time) override;
  std::unique_ptr<ReplayFeed> OpenFeed(std::function<void()> ready,
                                       bool keys) override {
    return readers_.Open(std::move(ready), keys);
  }

  std::vector<SavedSubscription> Saved() const override {
    return journal_->contents().subscriptions;
  }
  void Save(SavedSubscription subscription) override ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const std::string& name) override ABSL_LOCKS_EXCLUDED(mu_);

  // Does what is to be done now: commits, or tries to recover, and lets
  // retention take one step. For tests without threads.
  void Step() ABSL_LOCKS_EXCLUDED(mu_);
  // Reads for one feed. For tests without threads.
  bool ReadOne() { return readers_.RunOne(); }

 private:
  JournaledLog(const JournaledLogOptions& options,
               std::unique_ptr<SqliteJournal> journal, const EventCodec& codec,
               const Clock& clock);

  // Waits until there is room, or returns why there is none for `n` events.
  absl::Status AwaitRoom(uint64_t n) ABSL_LOCKS_EXCLUDED(mu_);
  // Tells the listener, whatever made it visible.
  void Tell(const MemoryLog::Shown& shown) const;
  // What is to be done when `n` events are in the ring.
  void OnAppended(uint64_t n) ABSL_LOCKS_EXCLUDED(mu_);
  // Lets readers see what the journal answers for.
  MemoryLog::Shown Release() ABSL_LOCKS_EXCLUDED(mu_);

  // The writer's.
  void Write();
  void Commit() ABSL_LOCKS_EXCLUDED(mu_);
  void Recover() ABSL_LOCKS_EXCLUDED(mu_);
  void Prune() ABSL_LOCKS_EXCLUDED(mu_);
  void Degrade(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes what comes next. Returns false if that is nothing.
  absl::StatusOr<bool> CommitSome() ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitWork() ABSL_LOCKS_EXCLUDED(mu_);

  void RunCheckpoints() ABSL_LOCKS_EXCLUDED(mu_);
  static void FillRow(const MemoryLog::Slice& slice, JournalBatch* batch);

  const JournaledLogOptions options_;
  const Clock& clock_;
  const std::unique_ptr<SqliteJournal> journal_;
  MemoryLog ring_;
  ReplayReaders readers_;
  OnVisible on_visible_;
  mutable LatencyMeter commit_time_;

  mutable Mutex mu_;
  CondVar work_;      // For the writer.
  CondVar room_;      // For Append and Flush.
  CondVar wal_grew_;  // For the checkpointer.
  uint64_t durable_ ABSL_GUARDED_BY(mu_);
  uint64_t pending_events_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t pending_since_ns_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t committed_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // By name; a null one is forgotten.
  std::map<std::string, std::optional<SavedSubscription>> unsaved_
      ABSL_GUARDED_BY(mu_);
  std::vector<LogHole> holes_ ABSL_GUARDED_BY(mu_);  // In order.
  uint64_t earliest_ ABSL_GUARDED_BY(mu_);           // In the journal.
  absl::Time earliest_time_ ABSL_GUARDED_BY(mu_);
  absl::Time gone_time_ ABSL_GUARDED_BY(mu_);
  bool degraded_ ABSL_GUARDED_BY(mu_) = false;
  std::string error_ ABSL_GUARDED_BY(mu_);
  uint64_t commits_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t commit_errors_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t pruned_events_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t next_chore_ns_ ABSL_GUARDED_BY(mu_) = 0;  // Retention, recovery.
  bool checkpoint_due_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  std::thread writer_ ABSL_GUARDED_BY(mu_);
  std::thread checkpointer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_JOURNALED_LOG_H_
