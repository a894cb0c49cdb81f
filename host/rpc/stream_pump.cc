#include "host/rpc/stream_pump.h"

#include <utility>

namespace weir {

void StreamPump::Attach(std::unique_ptr<EventStream> stream) {
  {
    MutexLock lock(&mu_);
    stream_ = std::move(stream);
  }
  Pump();
}

void StreamPump::OnReady() {
  absl::Status end;
  {
    MutexLock lock(&mu_);
    if (writing_ && !finished_ && stream_ != nullptr) {
      end = stream_->forced_end();
    }
  }
  if (end.ok()) {
    Pump();
  } else {
    sink_.BreakOff(end);
  }
}

void StreamPump::Pump() {
  StreamItem item;
  {
    MutexLock lock(&mu_);
    if (writing_ || finished_ || stream_ == nullptr) return;
    if (!stream_->Next(&item)) return;
    writing_ = item.kind != StreamItem::Kind::kEnd;
  }
  // Outside of the lock: gRPC writes to the socket from here.
  if (item.kind == StreamItem::Kind::kEnd) {
    Finish(item.end);
  } else {
    sink_.Write(item);
  }
}

void StreamPump::OnWritten(uint64_t bytes) {
  {
    // Cleared before the log is looked at again, so that no event that arrives
    // in between is left lying.
    MutexLock lock(&mu_);
    writing_ = false;
    if (stream_ != nullptr) stream_->OnWritten(bytes);
  }
  Pump();
}

void StreamPump::Finish(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
  }
  sink_.Finish(status);
}

void StreamPump::Detach() {
  // Dies here, outside of the lock: that waits for a listener that is running.
  std::unique_ptr<EventStream> stream;
  {
    MutexLock lock(&mu_);
    stream = std::move(stream_);
  }
}

}  // namespace weir
