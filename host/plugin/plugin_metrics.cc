#include "host/plugin/plugin_metrics.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/status/json_text.h"
#include "weir/plugin_services.h"

namespace weir {
namespace {

using Kind = PluginMetric::Kind;

template <size_t kRoom>
std::string Text(const char (&text)[kRoom]) {
  std::string copy(text, strnlen(text, kRoom));
  // What a plugin writes past its declarations is not shown as it is.
  std::replace_if(
      copy.begin(), copy.end(),
      [](unsigned char c) { return absl::ascii_iscntrl(c); }, '?');
  return ToUtf8(copy);
}

bool IsIdentifier(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

// A copy of what is there; nullopt if nothing was ever declared like that.
std::optional<PluginMetric> ReadSeries(const MetricPage& page, uint32_t i,
                                       const std::string& prefix) {
  MetricPage::Series series;
  std::memcpy(&series, &page.series[i], sizeof(series));
  std::atomic_signal_fence(std::memory_order_seq_cst);  // Not read again.
  if (series.kind < WEIR_METRIC_COUNTER ||
      series.kind > WEIR_METRIC_HISTOGRAM ||
      series.n_bounds > MetricPage::kMaxBounds ||
      series.n_labels > MetricPage::kMaxLabels) {
    return std::nullopt;
  }
  const size_t n = MetricCells(series.kind, series.n_bounds);
  if (series.first_cell > MetricPage::kMaxCells ||
      n > MetricPage::kMaxCells - series.first_cell) {
    return std::nullopt;
  }
  PluginMetric metric;
  const std::string name = Text(series.name);
  if (!IsIdentifier(name)) return std::nullopt;
  metric.name = absl::StrCat(prefix, name);
  metric.help = Text(series.help);
  for (uint32_t label = 0; label < series.n_labels; ++label) {
    metric.labels[Text(series.labels[label].key)] =
        Text(series.labels[label].value);
  }
  metric.kind = static_cast<Kind>(series.kind);
  const auto cell = [&](size_t at) {
    return page.cells[series.first_cell + at].load(std::memory_order_relaxed);
  };
  switch (metric.kind) {
    case Kind::kCounter:
      metric.counter = cell(0);
      break;
    case Kind::kGauge:
      metric.gauge = static_cast<int64_t>(cell(0));
      break;
    case Kind::kHistogram:
      metric.bounds.assign(series.bounds, series.bounds + series.n_bounds);
      for (size_t at = 0; at <= series.n_bounds; ++at) {
        metric.counts.push_back(cell(at));
      }
      metric.sum = cell(n - 1);
      break;
  }
  return metric;
}

// Adds what an older instance came to. The newer one says what the series is.
void AddOlder(const PluginMetric& older, PluginMetric& metric) {
  if (older.kind != metric.kind || older.bounds != metric.bounds) return;
  metric.counter += older.counter;
  for (size_t i = 0; i < metric.counts.size(); ++i) {
    metric.counts[i] += older.counts[i];
  }
  metric.sum += older.sum;
}

}  // namespace

PluginMetrics::PluginMetrics(absl::string_view id)
    : prefix_(absl::StrCat("weir_plugin_",
                           absl::StrReplaceAll(id, {{"-", "_"}}), "_")) {}

PluginMetrics::Attachment::Attachment(PluginMetrics& metrics,
                                      const MetricPage& page)
    : metrics_(metrics), page_(page) {
  MutexLock lock(&metrics_.mu_);
  metrics_.pages_.push_back(&page_);
}

PluginMetrics::Attachment::~Attachment() {
  MutexLock lock(&metrics_.mu_);
  metrics_.pages_.remove(&page_);
  metrics_.Add(page_, metrics_.ended_);
  for (auto at = metrics_.ended_.begin(); at != metrics_.ended_.end();) {
    at = at->second.kind == Kind::kGauge ? metrics_.ended_.erase(at)
                                         : std::next(at);
  }
  metrics_.refused_ += page_.refused.load(std::memory_order_relaxed);
}

void PluginMetrics::Add(const MetricPage& page, Series& all) const {
  const uint32_t n = std::min<uint32_t>(
      page.n_series.load(std::memory_order_acquire), MetricPage::kMaxSeries);
  for (uint32_t i = 0; i < n; ++i) {
    std::optional<PluginMetric> metric = ReadSeries(page, i, prefix_);
    if (!metric.has_value()) continue;
    const Key key(metric->name, metric->labels);
    const auto older = all.find(key);
    if (older != all.end()) {
      AddOlder(older->second, *metric);
      older->second = *std::move(metric);
    } else if (all.size() < kMaxKept) {
      all.emplace(key, *std::move(metric));
    }
  }
}

std::vector<PluginMetric> PluginMetrics::Read() const {
  MutexLock lock(&mu_);
  Series all = ended_;
  for (const MetricPage* page : pages_) Add(*page, all);
  std::vector<PluginMetric> metrics;
  metrics.reserve(all.size());
  for (auto& [key, metric] : all) metrics.push_back(std::move(metric));
  return metrics;
}

uint64_t PluginMetrics::refused() const {
  MutexLock lock(&mu_);
  uint64_t refused = refused_;
  for (const MetricPage* page : pages_) {
    refused += page->refused.load(std::memory_order_relaxed);
  }
  return refused;
}

}  // namespace weir
