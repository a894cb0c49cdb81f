#ifndef WEIR_HOST_BROKER_STREAM_H_
#define WEIR_HOST_BROKER_STREAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/broker/alarm.h"
#include "host/broker/chunk.h"
#include "host/broker/filter.h"
#include "host/broker/filter_classes.h"
#include "host/broker/latency_meter.h"
#include "host/broker/log_source.h"
#include "host/broker/replay_feed.h"
#include "host/broker/start_position.h"
#include "host/broker/stream_link.h"
#include "host/broker/subscription_cursor.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/clock.h"

namespace weir {

// What all streams of a broker share. What it refers to must outlive them.
struct StreamEnvironment {
  LogSource& log;
  const EventCodec& codec;
  const Clock& clock;
  Alarm& alarm;                            // Of the thread that serves them.
  const std::atomic<uint32_t>& n_streams;  // For the floor of the linger.
  LatencyMeter& append_to_write;
  FilterClasses& filter_classes;  // For what their filters look for together.
};

// What makes one stream different from another: a checked request.
struct StreamSetup {
  StreamOptions options;  // Effective values; `start` and `filters` are below.
  StartPoint start;
  std::shared_ptr<const FilterClass> filter;
  std::shared_ptr<StreamLink> link;
  // Of a durable subscription; null and 0 of others.
  std::shared_ptr<SubscriptionCursor> subscription;
  uint64_t lease = 0;
  std::string lease_id;
  bool auto_ack = false;
  std::function<void()> on_detach;  // Called by the destructor.
};

// The loop of broker.h: one cursor into the log, from which everything that a
// client is told follows. Replay and live are the same to it.
//
//   Hello -> [Gap] -> Events ... -> CaughtUp -> Events | Heartbeat ...
//              ^         |                          |
//              +---------+-- fell out of the log, --+   End: drained, too slow,
//                            or lags too far            lease lost, stop
//                            reached
//
// The cursor moves in one place for each reason, together with what is said of
// it: past events that are delivered or filtered out, or past a gap. It is
// never ahead of a matching event that was not delivered. At every moment
// delivered + filtered + missed = cursor - start.
//
// Live events are held for up to the linger, max(max_delay, streams / 15000 s),
// unless they fill a batch: a message costs 33 us however much is in it, so
// 15,000 a second are half a core. Who sets no max_delay gets 10 ms, and from
// 25 streams on 2 ms x sqrt(streams): a hundred at 10 ms would take that half
// core for nothing that they asked for, and are told after 20 ms with half of
// it. The hold ends at a multiple of the linger, for all streams at the same
// time: a hundred streams are then looked after a hundred times a second and
// not ten thousand times. The first event after a silence is not held.
//
// As EventStream: Next and OnWritten by one thread at a time.
class Stream final : public EventStream {
 public:
  // Heartbeats of streams that fell silent together come up to 1/8 early, each
  // by its own part, or a thousand would be sent at once; and at multiples of
  // 1/64, or all streams would be looked at for each of a thousand.
  static constexpr int kHeartbeatSpread = 64;

  Stream(const StreamEnvironment& environment, StreamSetup setup);
  ~Stream() override;

  bool Next(StreamItem* item) override;
  absl::Status forced_end() const override {
    return setup_.link->command().end;
  }
  void OnWritten(uint64_t bytes) override;

 private:
  // Matching events [begin, end) of a chunk.
  struct Run {
    std::shared_ptr<const Chunk> chunk;
    uint32_t begin = 0, end = 0;
  };
  struct Batch {
    std::vector<Run> runs;
    uint64_t room = 0;  // Events that may still go in.
    uint64_t n_events = 0;
    uint64_t bytes = 0;
    bool full = false;
    std::optional<LogHole> hole;  // What comes next cannot be had.
    bool unavailable = false;     // ... now, because the disk fails.
  };

  bool Say(int64_t now_ns, StreamItem* item);
  bool SayHello(StreamItem* item);
  // Says what was in the log when the host began to stop: in memory it is gone
  // afterwards.
  bool SayRest(int64_t now_ns, StreamItem* item);
  bool SayDrain(absl::Duration retry_after, StreamItem* item);
  bool SayAnnouncement(const StreamLink::Announcement& announcement,
                       StreamItem* item);
  bool SayEnd(absl::Status status, StreamItem* item);
  bool SayDegraded(StreamItem* item);
  bool SayStartGap(StreamItem* item);
  // Finds the start that only a file can tell; start_time_ is set until it is
  // known. Returns why the stream ends instead.
  absl::Status FindStartInFile();
  bool SayExpired(const LogBounds& bounds, StreamItem* item);
  bool SayHole(const LogHole& hole, const LogBounds& bounds, StreamItem* item);
  bool SayUnavailable(StreamItem* item);
  bool SayTooSlow(const LogBounds& bounds, StreamItem* item);
  bool SayGap(StreamItem::GapReason reason, uint64_t to,
              const LogBounds& bounds, StreamItem* item);
  bool SayEvents(uint64_t goal, int64_t now_ns, StreamItem* item);
  bool SayCaughtUp(uint64_t goal, StreamItem* item);
  bool SayHeartbeat(const LogBounds& bounds, StreamItem* item);

  // Puts the matching events from the cursor on, up to `goal`, into `batch`,
  // and moves the cursor past everything it looked at.
  void Scan(uint64_t goal, Batch* batch);
  // Returns the chunk that `seq` is in, from the ring or from below it. If it
  // is null, why is in `batch->hole` or `progress_`, or the next turn sees it.
  ChunkView Look(uint64_t seq, Batch* batch);
  void ScanChunk(const LogSource::View& view, uint64_t goal, Batch* batch);
  void PutPieces(const Batch& batch, StreamItem* item) const;
  void TellSubscription(const Batch& batch);

  bool LagsTooFar(uint64_t latest) const;
  // Events that may still be said before stop_after_events.
  uint64_t Wanted() const;
  int64_t LingerNs() const;
  // The end of the hold of what comes after a message that is said now.
  int64_t HeldUntilNs(int64_t now_ns) const;
  int64_t HeartbeatAfter(int64_t now_ns) const;
  std::string IdOf(uint64_t seq) const;
  void Report();
  void AskToBeCalled(int64_t now_ns);

  const StreamEnvironment environment_;
  const StreamSetup setup_;
  const std::unique_ptr<ReplayFeed> feed_;  // Null: all there is, is in memory.
  std::string start_id_;                    // What Hello says.
  const uint64_t head_at_open_;  // The newest event when the stream opened.

  // Of the thread that calls Next and OnWritten.
  std::shared_ptr<const FilterClass> filter_;
  StreamProgress progress_;
  std::optional<StartPoint::Gap> start_gap_;
  std::optional<absl::Time> start_time_;  // Not found yet.
  bool below_ring_ = false;               // The last time it looked.
  size_t n_announced_ = 0;
  bool said_hello_ = false;
  bool said_drain_ = false;
  bool said_degraded_ = false;
  std::optional<uint64_t> drain_goal_;
  uint64_t said_cursor_ = 0;  // Of the last item.
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_STREAM_H_
