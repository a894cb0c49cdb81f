#ifndef WEIR_SIM_SCENARIO_SOURCE_H_
#define WEIR_SIM_SCENARIO_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "sim/line_source.h"
#include "sim/scenario.h"
#include "sim/truth_log.h"

namespace weir::sim {

struct ScenarioOptions {
  uint64_t seed = 1;

  // Messages a second; 0: as many as go. 200 is about one busy collector, and
  // lets a person watch.
  double rate = 200;

  // After how many messages the stream ends; 0: never.
  uint64_t messages = 0;
};

// The scenario as lines, for one client. Every source of the same options has
// the same messages; only their timestamps are those of its own client.
class ScenarioSource final : public LineSource {
 public:
  // `truth` may be null; else it gets a line for each incident as that ends,
  // and at the end of a stream that has one, what has not ended and a summary,
  // all marked with `client`. It must outlive the source.
  ScenarioSource(const ScenarioOptions& options, std::string client,
                 TruthLog* truth);

  std::optional<absl::Duration> NextAt() override;
  LineBatch Take(absl::Duration until, uint64_t max_messages, size_t max_bytes,
                 absl::Time now) override;

 private:
  void TellTruth();

  const ScenarioOptions options_;
  const std::string client_;
  TruthLog* const truth_;
  Scenario scenario_;
  uint64_t sent_ = 0;
  std::string text_;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_SCENARIO_SOURCE_H_
