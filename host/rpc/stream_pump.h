#ifndef WEIR_HOST_RPC_STREAM_PUMP_H_
#define WEIR_HOST_RPC_STREAM_PUMP_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/control/event_stream.h"
#include "host/sync/mutex.h"

namespace weir {

// Where the items of a stream go: one call of gRPC's, or the script of a test.
// Called from any thread, never while a lock of the pump's is held.
class StreamSink {
 public:
  virtual ~StreamSink() = default;

  // Begins to write `item`, which is not of kEnd. StreamPump::OnWritten is
  // called when that is done, perhaps before this returns; until then nothing
  // else is written.
  virtual void Write(const StreamItem& item) = 0;

  // Ends the call; comes once at most, and nothing is written after it.
  virtual void Finish(const absl::Status& status) = 0;

  // Ends the call with `end`, which is not OK, although an item is being
  // written: who should read it does not, or somebody took its place.
  virtual void BreakOff(const absl::Status& end) = 0;
};

// Moves items from an EventStream to a sink: never more than one at a time, so
// a client that does not read costs one message, and its cursor waits.
//
//   OnReady ---.               .---> Write ... OnWritten --> Pump
//   Attach ----+--> Pump --> Next --> kEnd ---> Finish
//   OnWritten -'               '---> nothing: the stream calls OnReady later
//
// An item is chosen only when the one before it is written, and what is new is
// looked for after that: an event that comes in between is seen by one side or
// the other. Thread-safe.
class StreamPump {
 public:
  // `sink` must outlive the pump.
  explicit StreamPump(StreamSink& sink) : sink_(sink) {}

  StreamPump(const StreamPump&) = delete;
  StreamPump& operator=(const StreamPump&) = delete;

  // Begins to read `stream`, whose listener is OnReady. At most once.
  void Attach(std::unique_ptr<EventStream> stream) ABSL_LOCKS_EXCLUDED(mu_);

  // The stream may have something to say. While an item is being written it
  // only has to say that the call must end.
  void OnReady() ABSL_LOCKS_EXCLUDED(mu_);

  // The item was handed to the transport as `bytes` bytes.
  void OnWritten(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the call, if nothing has ended it yet.
  void Finish(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  // Lets go of the stream, and so of its lease and its place: waits for a
  // listener that is running. Call it as soon as the client is gone, without a
  // lock held.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Writes what comes next, if nothing is being written.
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);

  StreamSink& sink_;
  Mutex mu_;
  std::unique_ptr<EventStream> stream_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_STREAM_PUMP_H_
