#ifndef WEIR_TESTS_FAKES_FAKE_EVENT_SINK_H_
#define WEIR_TESTS_FAKES_FAKE_EVENT_SINK_H_

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/sync/mutex.h"

namespace weir {

// Keeps what is published, or refuses it if told to. Thread-safe.
class FakeEventSink final : public EventSink {
 public:
  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!refusal_.ok()) return refusal_;
    events_.push_back(std::move(event));
    return absl::OkStatus();
  }

  void Refuse(absl::Status refusal) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    refusal_ = std::move(refusal);
  }

  std::vector<Event> events() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return events_;
  }

 private:
  mutable Mutex mu_;
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_EVENT_SINK_H_
