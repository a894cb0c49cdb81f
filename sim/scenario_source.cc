#include "sim/scenario_source.h"

#include <utility>

#include "sim/incident.h"
#include "sim/ris_line.h"

namespace weir::sim {
namespace {

// A line of the scenario is rarely longer; a batch stops this far below its
// limit rather than make a line that does not fit.
constexpr size_t kRoomForOneLine = 8192;

}  // namespace

ScenarioSource::ScenarioSource(const ScenarioOptions& options,
                               std::string client, TruthLog* truth)
    : options_(options),
      client_(std::move(client)),
      truth_(truth),
      scenario_(options.seed) {}

std::optional<absl::Duration> ScenarioSource::NextAt() {
  if (options_.messages != 0 && sent_ == options_.messages) return std::nullopt;
  if (options_.rate == 0) return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(sent_) / options_.rate);
}

LineBatch ScenarioSource::Take(absl::Duration until, uint64_t max_messages,
                               size_t max_bytes, absl::Time now) {
  const int64_t now_ms = absl::ToUnixMillis(now);
  text_.clear();
  LineBatch batch;
  do {
    AppendRisLine(scenario_.Next(now_ms), text_);
    ++sent_;
    ++batch.messages;
    const std::optional<absl::Duration> next = NextAt();
    if (!next.has_value() || *next > until) break;
  } while (batch.messages < max_messages &&
           text_.size() + kRoomForOneLine <= max_bytes);
  TellTruth();
  batch.text = text_;
  return batch;
}

void ScenarioSource::TellTruth() {
  std::string lines;
  for (const Incident& incident : scenario_.TakeEnded()) {
    lines += TruthLine(client_, incident);
  }
  if (sent_ == options_.messages) {
    const std::optional<Incident> ongoing = scenario_.ongoing();
    if (ongoing.has_value()) lines += TruthLine(client_, *ongoing);
    lines +=
        SummaryLine(client_, scenario_.counts(), scenario_.incidents_begun());
  }
  if (truth_ != nullptr && !lines.empty()) truth_->Append(lines);
}

}  // namespace weir::sim
