#ifndef WEIR_HOST_PLUGIN_METRIC_DECLARATIONS_H_
#define WEIR_HOST_PLUGIN_METRIC_DECLARATIONS_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "host/plugin/metric_page.h"
#include "host/sync/mutex.h"
#include "weir/plugin_services.h"

namespace weir {

// The instance's side of a metric page: weir.metrics/1. Thread-safe.
class MetricDeclarations {
 public:
  // `page` must be all zero, and outlive it.
  explicit MetricDeclarations(MetricPage& page) : page_(page) {}

  MetricDeclarations(const MetricDeclarations&) = delete;
  MetricDeclarations& operator=(const MetricDeclarations&) = delete;

  // See weir_ext_metrics. What is refused is counted in the page.
  weir_status Declare(const weir_metric& metric, uint64_t** cells)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses all declarations from now on.
  void Freeze() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  weir_status DeclareLocked(const weir_metric& metric, uint64_t** cells)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  MetricPage& page_;
  Mutex mu_;
  bool frozen_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t n_series_ ABSL_GUARDED_BY(mu_) = 0;
  size_t n_cells_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_METRIC_DECLARATIONS_H_
