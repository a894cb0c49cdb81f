#ifndef WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
#define WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "host/control/plugin_control.h"

namespace weir {

// Plugins as a test describes them. Immutable.
class FakePluginControl final : public PluginControl {
 public:
  explicit FakePluginControl(std::vector<PluginStatus> plugins)
      : plugins_(std::move(plugins)) {}

  std::vector<PluginStatus> List() const override { return plugins_; }
  std::vector<PluginStats> Stats() const override {
    std::vector<PluginStats> stats;
    for (const PluginStatus& plugin : plugins_) {
      stats.emplace_back().name = plugin.name;
    }
    return stats;
  }
  uint64_t total_dropped() const override { return 3; }

 private:
  const std::vector<PluginStatus> plugins_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
