#ifndef WEIR_HOST_PLUGIN_INSTANCE_HEALTH_H_
#define WEIR_HOST_PLUGIN_INSTANCE_HEALTH_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "host/sync/mutex.h"

namespace weir {

// What one instance said last of how it does: weir.health/1. Thread-safe.
class InstanceHealth {
 public:
  struct Report {
    bool degraded = false;
    std::string text;  // UTF-8.

    friend bool operator==(const Report& a, const Report& b) = default;
  };

  void Set(Report report) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    report_ = std::move(report);
  }
  Report Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return report_;
  }

 private:
  mutable Mutex mu_;
  Report report_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_HEALTH_H_
