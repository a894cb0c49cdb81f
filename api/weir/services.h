#ifndef WEIR_SERVICES_H_
#define WEIR_SERVICES_H_

#include <chrono>
#include <cstdint>

#include "weir/plugin_services.h"
#include "weir/sdk.h"

// What the host can do for a plugin beside weir::Host, each as a class that is
// made of a Host in the plugin's constructor and kept as a member. With a host
// that does not know a service, its class does what is said at each; no plugin
// has to look.

namespace weir {
inline namespace sdk {

// How long the call that the plugin is in may still take. Make one only if a
// message may take long: the host then hands them over one by one, to know when
// each began. May be used from any thread of the plugin.
class Deadline {
 public:
  explicit Deadline(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_deadline>(WEIR_EXT_DEADLINE)) {}

  // Until the host kills or abandons the instance. The longest time that there
  // is, if no call is in progress or the host does not know.
  std::chrono::nanoseconds time_left() const {
    return std::chrono::nanoseconds(ext_ == nullptr ? INT64_MAX
                                                    : ext_->time_left_ns(ctx_));
  }

  // Whether to come back now, finished or not: the message takes longer than
  // the operator likes, or the host waits to end or to replace this instance.
  // Costs no more than a look at the clock.
  bool should_stop() const {
    return ext_ != nullptr && ext_->should_stop(ctx_) != 0;
  }

 private:
  void* ctx_;
  const weir_ext_deadline* ext_;
};

// Counts the messages that the plugin wanted and did not get. Not thread-safe.
class LossReader {
 public:
  explicit LossReader(const Host& host)
      : ctx_(host.table()->ctx),
        ext_(host.Find<weir_ext_losses>(WEIR_EXT_LOSSES)),
        last_(total()) {}

  // Since the plugin's place in the host was made, by reason; all 0 if the host
  // does not say.
  weir_losses total() const {
    weir_losses losses = {};
    losses.struct_size = sizeof(losses);
    if (ext_ != nullptr) ext_->read(ctx_, &losses);
    return losses;
  }

  // All of them together, since the last call, or since the instance was made.
  uint64_t SinceLast() {
    const weir_losses now = total();
    const uint64_t lost = Sum(now) - Sum(last_);
    last_ = now;
    return lost;
  }

 private:
  static uint64_t Sum(const weir_losses& losses) {
    return losses.dropped_policy + losses.dropped_full +
           losses.dropped_not_running + losses.dropped_quarantined +
           losses.lost_in_crash + losses.discarded_on_unload;
  }

  void* ctx_;
  const weir_ext_losses* ext_;
  weir_losses last_;
};

}  // namespace sdk
}  // namespace weir

#endif  // WEIR_SERVICES_H_
