#ifndef WEIR_HOST_CONTROL_PLUGIN_METRIC_H_
#define WEIR_HOST_CONTROL_PLUGIN_METRIC_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir {

// One series that a plugin measures, over all its instances;
// weir.v1.PluginMetric in our own words. A value.
struct PluginMetric {
  enum class Kind { kCounter = 1, kGauge = 2, kHistogram = 3 };

  std::string name;  // "weir_plugin_counts_prefixes_total"
  std::string help;
  std::map<std::string, std::string> labels;
  Kind kind = Kind::kCounter;
  uint64_t counter = 0;
  int64_t gauge = 0;
  // A histogram: of the values up to bounds[i] and above the bound before,
  // there were counts[i]; the last count is of those above all bounds.
  std::vector<uint64_t> bounds;
  std::vector<uint64_t> counts;
  uint64_t sum = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_METRIC_H_
