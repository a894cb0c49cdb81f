#ifndef WEIR_HOST_SINK_SINK_SET_H_
#define WEIR_HOST_SINK_SINK_SET_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "host/control/sink_stats.h"
#include "host/sink/sink.h"
#include "host/sync/clock.h"

namespace weir {

// All sinks of the host, each with a thread of its own, so that one whose other
// side is down holds nobody up.
//
// Add, Start and Stop are called by one thread; Stats by any, once all are
// added.
class SinkSet {
 public:
  // `clock` must outlive it.
  explicit SinkSet(const Clock& clock) : clock_(clock) {}

  SinkSet(const SinkSet&) = delete;
  SinkSet& operator=(const SinkSet&) = delete;

  void Add(std::unique_ptr<Sink> sink) { sinks_.push_back(std::move(sink)); }

  void Start() {
    for (const auto& sink : sinks_) sink->Start();
  }

  // Stops all at the same time: what is in the log is delivered where that
  // works, within `limit` altogether.
  void Stop(absl::Duration limit) {
    const int64_t end_ns =
        clock_.MonotonicNs() + absl::ToInt64Nanoseconds(limit);
    for (const auto& sink : sinks_) sink->Drain();
    for (const auto& sink : sinks_) {
      sink->Stop(absl::Nanoseconds(end_ns - clock_.MonotonicNs()));
    }
  }

  // By name.
  std::vector<SinkStats> Stats() const {
    std::vector<SinkStats> stats;
    for (const auto& sink : sinks_) stats.push_back(sink->Stats());
    std::sort(
        stats.begin(), stats.end(),
        [](const SinkStats& a, const SinkStats& b) { return a.name < b.name; });
    return stats;
  }

 private:
  const Clock& clock_;
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_SINK_SET_H_
