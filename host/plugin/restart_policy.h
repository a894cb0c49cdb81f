#ifndef WEIR_HOST_PLUGIN_RESTART_POLICY_H_
#define WEIR_HOST_PLUGIN_RESTART_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "absl/time/time.h"

namespace weir {

// When a plugin that died is started again, and when no more.
// Thread-compatible; times are given, none is read.
class RestartPolicy {
 public:
  // The first restart is at once: a crash may be one bad message, and each
  // moment of waiting queues others. From the second on it waits 0.2 s,
  // doubling to 30 s, each made up to a fifth longer or shorter by chance so
  // that plugins which die of the same thing do not come back together.
  static constexpr absl::Duration kFirstDelay = absl::Milliseconds(200);
  static constexpr absl::Duration kMaxDelay = absl::Seconds(30);
  static constexpr double kJitter = 0.2;

  // Whoever lived this long is healthy, and begins anew.
  static constexpr absl::Duration kHealthy = absl::Seconds(60);

  // Crashes are counted over this time.
  static constexpr absl::Duration kWindow = absl::Minutes(10);

  // So many deaths with one fingerprint in this time are too many, however few
  // there are in all.
  static constexpr size_t kSameMessage = 3;
  static constexpr absl::Duration kSameMessageWindow = absl::Hours(1);

  // `max_crashes` in kWindow are suffered; 0: any number. Equal seeds, equal
  // delays.
  RestartPolicy(uint32_t max_crashes, uint64_t seed)
      : max_crashes_(max_crashes), random_(seed) {}

  // It died at `now`, having lived since `started`. Returns how long to wait,
  // or nullopt if that was one crash too many.
  std::optional<absl::Duration> OnCrash(absl::Time started, absl::Time now);

  // It died of a message with `fingerprint` at `now`. Returns whether that was
  // the kSameMessage-th one in kSameMessageWindow: the defect is known, and the
  // next such message will do the same. Never, if any number of crashes is
  // suffered.
  bool IsSameMessageAgain(const std::string& fingerprint, absl::Time now);

  // From the next crash on; see the constructor.
  void set_max_crashes(uint32_t max_crashes) { max_crashes_ = max_crashes; }

  // Forgets everything: an operator took it in hand.
  void Reset();

  // Crashes within kWindow before `now`.
  uint32_t Crashes(absl::Time now) const;

 private:
  uint32_t max_crashes_;
  std::mt19937_64 random_;
  std::deque<absl::Time> crashes_;
  std::map<std::string, std::deque<absl::Time>> by_fingerprint_;
  absl::Duration next_ = absl::ZeroDuration();
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_RESTART_POLICY_H_
