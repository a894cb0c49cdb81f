#ifndef WEIR_HOST_PLUGIN_METRIC_PAGE_H_
#define WEIR_HOST_PLUGIN_METRIC_PAGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir {

// The series that one instance measures, and their words, which the plugin
// changes by plain atomic additions: no call, no lock, nothing to lose at a
// crash. In a child it is part of the memory that it shares with the host.
//
// The instance's side alone writes, `n_series` last; the host reads whenever it
// likes, and believes none of it. All zero at first. Texts end at their first
// zero byte, or with their room.
struct MetricPage {
  static constexpr size_t kMaxSeries = 256;
  static constexpr size_t kMaxBounds = 30;
  static constexpr size_t kMaxLabels = 4;
  static constexpr size_t kMaxName = 48;
  static constexpr size_t kMaxHelp = 200;
  static constexpr size_t kMaxLabelKey = 32;
  static constexpr size_t kMaxLabelValue = 64;
  // Every series may be a histogram of ten bounds.
  static constexpr size_t kMaxCells = kMaxSeries * 12;

  struct Label {
    char key[kMaxLabelKey];
    char value[kMaxLabelValue];
  };
  struct Series {
    int32_t kind;  // WEIR_METRIC_*.
    uint32_t n_labels;
    uint32_t n_bounds;
    uint32_t first_cell;
    char name[kMaxName];
    char help[kMaxHelp];
    Label labels[kMaxLabels];
    uint64_t bounds[kMaxBounds];
  };

  std::atomic<uint32_t> n_series;
  std::atomic<uint64_t> refused;  // Declarations that were.
  Series series[kMaxSeries];
  std::atomic<uint64_t> cells[kMaxCells];
};

// How many cells a series has: see weir_ext_metrics.
constexpr size_t MetricCells(int32_t kind, size_t n_bounds) {
  constexpr int32_t kHistogram = 3;  // WEIR_METRIC_HISTOGRAM
  return kind == kHistogram ? n_bounds + 2 : 1;
}

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_METRIC_PAGE_H_
