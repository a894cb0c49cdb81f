#ifndef WEIR_HOST_BROKER_BROKER_H_
#define WEIR_HOST_BROKER_BROKER_H_

#include <atomic>
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
#include "host/broker/alarm.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/broker/filter_classes.h"
#include "host/broker/latency_meter.h"
#include "host/broker/memory_log.h"
#include "host/broker/publish_waiters.h"
#include "host/broker/stream.h"
#include "host/broker/stream_link.h"
#include "host/broker/subscription_cursor.h"
#include "host/broker/writable_log.h"
#include "host/control/event_log.h"
#include "host/control/event_publisher.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "host/pipeline/event_sink.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct BrokerOptions {
  MemoryLogOptions log;
  uint32_t max_streams = 1024;
  // Memory for the regular expressions of one filter.
  int64_t regex_budget_bytes = FilterClass::kDefaultRegexBudgetBytes;
  // A stream whose reader does not take an item for so long is ended.
  absl::Duration write_stall = absl::Seconds(60);
};

// Numbers events, keeps them, and delivers them to whoever reads: the one log
// of a node.
//
//   Publish --> WritableLog <-- Stream <-- Next --- rpc, sinks
//                |    ^            |                  ^
//      Alarm <---'    '---- Tick --+----- ready ------'
//
// The log is a MemoryLog, which begins a new epoch with each start, or a
// JournaledLog, which goes on where it was.
//
// There is no queue for a subscriber: each is a cursor into the log, so a slow
// one costs the memory of its cursor and slows nobody.
//
// Thread-safe. Streams must be destroyed before the broker.
class Broker final : public EventSink, public EventLog, public EventPublisher {
 public:
  // `codec` and `clock` must outlive the broker.
  Broker(const BrokerOptions& options, std::unique_ptr<WritableLog> log,
         const EventCodec& codec, const Clock& clock);
  // With a log in memory of the options; `epoch` is that of MakeEpoch.
  Broker(const BrokerOptions& options, std::string epoch,
         const EventCodec& codec, const Clock& clock);
  ~Broker() override;

  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Starts the thread that calls Tick when it is time. At most once. Tests that
  // have a clock of their own call Tick instead.
  void Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Calls the listeners of all streams that have something to say now, ends
  // those whose reader is stuck, and forgets what is too old.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Calls Tick if the thread would do so now, without its backstop: what this
  // misses would be found a second later only. For tests without the thread.
  bool TickIfDue() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until what was published is visible, and tells all readers that the
  // host stops: each stream says a notice
  // (SERVER_DRAINING) and ends with Unavailable / SERVER_DRAINING; Open does
  // too. Readers should come back after `retry_after`. Publish goes on.
  void Drain(absl::Duration retry_after) ABSL_LOCKS_EXCLUDED(mu_);

  // Drains if need be, takes no more events, has the log written, and stops the
  // thread; no listener
  // is called after this, but Next still works. Safe to call twice.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_);
  void Append(std::vector<Event> events, Durability durability,
              const Done& done) override ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> ready) override
      ABSL_LOCKS_EXCLUDED(mu_);
  LogInfo Info() const override;
  BrokerStats Stats() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<JournalStats> Journal() const override {
    return log_.journal();
  }
  std::vector<SubscriberStats> Subscribers() const override
      ABSL_LOCKS_EXCLUDED(mu_);

  // What makes a stream that of a durable subscription.
  struct Attachment {
    std::string name;
    std::shared_ptr<SubscriptionCursor> cursor;
    uint64_t lease = 0;
    std::string lease_id;
    bool auto_ack = false;
  };
  struct Attached {
    std::unique_ptr<EventStream> stream;
    std::shared_ptr<StreamLink> link;
  };
  // Opens a stream after position `after`, for the subscriptions of this room.
  // The errors are those of Open. `on_detach` is called by the stream's
  // destructor.
  absl::StatusOr<Attached> Attach(StreamOptions options, uint64_t after,
                                  Attachment attachment,
                                  std::function<void()> ready,
                                  std::function<void()> on_detach)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the class of `filters`; null, and the faults, as Open has them.
  std::shared_ptr<const FilterClass> FilterOf(
      const std::vector<EventFilter>& filters, Faults* faults) {
    return filter_classes_.Get(filters, faults);
  }

  // Does what a thread of Start's does when filters come and go.
  void MakeRegexSets() { filter_classes_.MakeSets(); }

  const LogSource& log() const { return log_; }
  LogSource& log() { return log_; }

 private:
  struct Totals {
    uint64_t delivered_events = 0, delivered_bytes = 0, filtered_events = 0,
             gaps = 0, missed_events = 0;
    void Add(const StreamProgress& progress);
  };

  absl::StatusOr<Attached> OpenAt(StreamOptions options, StartPoint start,
                                  std::shared_ptr<const FilterClass> filter,
                                  Attachment attachment,
                                  std::function<void()> ready,
                                  std::function<void()> on_detach)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool closed() const ABSL_LOCKS_EXCLUDED(mu_);
  // The log's listener.
  void OnVisible(int64_t append_ns, uint64_t n);
  // Tells readers, once, that the journal does not work, or works again.
  void TellOfJournal(const std::vector<std::shared_ptr<StreamLink>>& links)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckOpenLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::shared_ptr<StreamLink>> Links() const
      ABSL_LOCKS_EXCLUDED(mu_);
  void EndIfStalled(StreamLink& link, int64_t now_ns);
  void Run();

  const BrokerOptions options_;
  const EventCodec& codec_;
  const Clock& clock_;
  const std::unique_ptr<WritableLog> owned_log_;
  WritableLog& log_;
  Alarm alarm_;
  PublishWaiters waiters_;
  FilterClasses filter_classes_;
  std::atomic<uint32_t> n_streams_{0};
  mutable LatencyMeter append_to_write_;
  mutable LatencyMeter append_to_visible_;
  const StreamEnvironment environment_;

  mutable Mutex mu_;
  std::map<uint64_t, std::shared_ptr<StreamLink>> links_ ABSL_GUARDED_BY(mu_);
  uint64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  Totals gone_ ABSL_GUARDED_BY(mu_);  // Of streams that are detached.
  std::optional<absl::Duration> drain_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool told_degraded_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_BROKER_H_
