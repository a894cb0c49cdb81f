#ifndef WEIR_HOST_PLUGIN_PLUGIN_METRICS_H_
#define WEIR_HOST_PLUGIN_PLUGIN_METRICS_H_

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "host/control/plugin_metric.h"
#include "host/plugin/metric_page.h"
#include "host/sync/mutex.h"

namespace weir {

// The metrics of one slot: what its instances measured so far, those that ended
// included. So a counter goes on over a crash and an upgrade. A gauge is that
// of the newest instance; without one there is none.
//
// Believes nothing of what is in a page. Thread-safe.
class PluginMetrics {
 public:
  // More series than this, over all instances that ever were, are not kept.
  static constexpr size_t kMaxKept = 4 * MetricPage::kMaxSeries;

  // `id` is the slot's: "origin-watch".
  explicit PluginMetrics(absl::string_view id);

  PluginMetrics(const PluginMetrics&) = delete;
  PluginMetrics& operator=(const PluginMetrics&) = delete;

  // Reads the page of an instance for as long as it lives; then keeps what it
  // has come to. Neither copied nor moved.
  class Attachment {
   public:
    // Both must outlive it.
    Attachment(PluginMetrics& metrics, const MetricPage& page);
    ~Attachment();
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

   private:
    PluginMetrics& metrics_;
    const MetricPage& page_;
  };

  // By name, then by labels.
  std::vector<PluginMetric> Read() const ABSL_LOCKS_EXCLUDED(mu_);

  // Declarations that were refused.
  uint64_t refused() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Key = std::pair<std::string, std::map<std::string, std::string>>;
  using Series = std::map<Key, PluginMetric>;

  void Add(const MetricPage& page, Series& all) const;

  const std::string prefix_;
  mutable Mutex mu_;
  Series ended_ ABSL_GUARDED_BY(mu_);  // Of instances that ended; no gauges.
  uint64_t refused_ ABSL_GUARDED_BY(mu_) = 0;                // Theirs.
  std::list<const MetricPage*> pages_ ABSL_GUARDED_BY(mu_);  // Oldest first.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_METRICS_H_
