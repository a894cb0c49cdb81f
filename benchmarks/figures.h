#ifndef WEIR_BENCHMARKS_FIGURES_H_
#define WEIR_BENCHMARKS_FIGURES_H_

#include <sys/resource.h>

#include <algorithm>
#include <vector>

namespace weir {

// CPU that all threads of this process have had, in user and kernel mode.
inline double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Of at least one value; of an even number, the upper of the two in the middle.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace weir

#endif  // WEIR_BENCHMARKS_FIGURES_H_
