#ifndef WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
#define WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"

namespace weir {

// Plugins as a test describes them, which do as they are told: an operation
// gets the answer that the test has set, and is remembered. Not thread-safe.
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

  void Do(PluginOperation operation, Reply reply) override {
    operations.push_back(std::move(operation));
    reply(answer);
  }

  std::vector<PluginOperation> operations;
  absl::StatusOr<PluginOutcome> answer = PluginOutcome();

 private:
  const std::vector<PluginStatus> plugins_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
