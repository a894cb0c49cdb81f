#ifndef WEIR_HOST_CONTROL_EVENT_STREAM_H_
#define WEIR_HOST_CONTROL_EVENT_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/stream_options.h"

namespace weir {

// A run of framed events (see EventCodec) inside of memory that many streams
// share. Immutable; copying one copies a pointer.
struct SharedBytes {
  std::shared_ptr<const std::string> owner;
  absl::string_view bytes;  // Inside of *owner.
};

// What a stream says next: what becomes one SubscribeResponse, or the end of
// the call. `kind` says which of the parts is meant; `cursor` and `batch_index`
// are set for all but kEnd.
struct StreamItem {
  enum class Kind {
    kHello,
    kEvents,
    kCaughtUp,
    kHeartbeat,
    kGap,
    kNotice,
    kEnd
  };
  enum class GapReason {  // As weir.v1.SubscribeResponse.Gap.Reason.
    kRetention = 1,
    kEpochChanged = 2,
    kSlowConsumer = 3,
    kUncleanShutdown = 4,
    kCorruption = 5,
    kPositionInFuture = 7,
  };

  Kind kind = Kind::kEnd;
  std::string cursor;
  uint64_t batch_index = 0;

  // kEvents.
  std::vector<SharedBytes> pieces;
  uint64_t n_events = 0;

  // kHello.
  struct {
    std::string epoch, earliest_id, latest_id, start_cursor;
    uint64_t backlog_events = 0;
    absl::Duration heartbeat_interval;
    BatchOptions batch;  // Effective values.
    std::string stream_id;
    std::string lease_id;  // Of a durable subscription; else empty.
    absl::Time server_time;
  } hello;

  // kCaughtUp and kHeartbeat.
  std::string latest_id;
  // kHeartbeat.
  uint64_t lag_events = 0;
  absl::Time server_time;
  bool blocked_on_ack = false;
  uint64_t unacked_events = 0;

  // kGap.
  struct {
    GapReason reason = GapReason::kRetention;
    std::string after_id, before_id;
    uint64_t missing = 0;
    bool resync_required = false;
  } gap;

  // kNotice.
  struct {
    std::string code, message;
    absl::Duration retry_after;
  } notice;

  // kEnd. OK only after stop_at_latest and stop_after_events.
  absl::Status end;
};

// One reader's place in the log. Replay and live are the same loop: the log is
// read from the cursor on, and the end of it is waited for.
//
// Next and OnWritten are called by one thread at a time. Destroying the stream
// detaches it; the listener is not called after that.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // Writes what comes next into `item` and moves the cursor past it. Returns
  // false if there is nothing to say now: the listener is called when there may
  // be. After an item of kEnd there is nothing more. Never blocks.
  virtual bool Next(StreamItem* item) = 0;

  // An error, if the call must end although an item is still being written: the
  // client does not read, or another consumer took its place. The listener is
  // called when there is one. Any thread.
  virtual absl::Status forced_end() const = 0;

  // Says that the last item was handed to the transport, for auto-ack and
  // accounting of `bytes` written.
  virtual void OnWritten(uint64_t bytes) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_EVENT_STREAM_H_
