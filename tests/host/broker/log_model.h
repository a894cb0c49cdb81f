#ifndef WEIR_TESTS_HOST_BROKER_LOG_MODEL_H_
#define WEIR_TESTS_HOST_BROKER_LOG_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/clock.h"

namespace weir {

// What a log must show: the list of what was published, the holes in it, and
// how much of its beginning may, and how much must, be forgotten. Knows nothing
// of how a log works but the rules that are promised.
class LogModel {
 public:
  // What is kept. An event goes when the ring and, if there is one, the journal
  // are both done with it.
  struct Keeps {
    uint64_t ring_events = 0;
    absl::Duration ring_age;  // By the clock that only goes forward.
    bool journal = false;
    uint64_t events = 0;                            // In the journal; 0 = any.
    absl::Duration age = absl::InfiniteDuration();  // By the time of day.
    // So many next to each other may go together.
    uint64_t unit = 1;
  };

  // Begins a new log.
  void Begin(const Keeps& keeps);

  // An event of `type`, which is not empty, is appended now.
  void Append(absl::string_view type, const Clock& clock);

  // The log goes on after a restart: everything after `kept` is gone, and what
  // is up to `latest` is a hole.
  void GoOn(uint64_t kept, uint64_t latest);

  // Call it whenever the log may have forgotten something by now.
  void Look(const Clock& clock);

  // The newest position.
  uint64_t last() const { return events_.size(); }

  // The first event in (after, until] of `type`, any if that is empty; 0 if
  // there is none.
  uint64_t First(absl::string_view type, uint64_t after, uint64_t until) const;
  // The first position in (after, until] that is in a hole; 0 if none is.
  uint64_t FirstInHole(uint64_t after, uint64_t until) const;
  // The ends of the hole that `seq` is in; `seq` itself if it is in none.
  uint64_t HoleBegin(uint64_t seq) const;
  uint64_t HoleEnd(uint64_t seq) const;

  absl::Time TimeOf(uint64_t seq) const { return events_[seq - 1].time; }
  // What a stream that starts at `time` begins after, in a log that has kept
  // everything from `earliest` on.
  uint64_t PositionAt(absl::Time time, uint64_t earliest) const;

  // What is wrong with a log whose oldest position is `earliest`: that it has
  // forgotten what it promised to keep or, if it had the time to forget
  // everything, that it has not. Empty if nothing is.
  std::string CheckEarliest(uint64_t earliest, bool had_time,
                            const Clock& clock) const;

 private:
  struct Event {
    std::string type;  // Empty in a hole, which has the time of what is before.
    absl::Time time = absl::InfinitePast();
    int64_t ns = 0;
    // Of the hole it is in.
    uint64_t hole_begin = 0, hole_end = 0;
  };

  const Event& At(uint64_t seq) const { return events_[seq - 1]; }
  // Whether retention, as it is now, may take `seq`, and whether it must.
  bool MayGo(uint64_t seq, const Clock& clock) const;
  bool MustGo(uint64_t seq, const Clock& clock) const;

  Keeps keeps_;
  std::vector<Event> events_;
  uint64_t began_after_ = 0;  // The newest position of earlier lives.
  uint64_t gone_ = 0;         // Everything up to here may be gone.
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_LOG_MODEL_H_
