#include "cli/plugin_stats_report.h"

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/stats_report.h"
#include "cli/table.h"

namespace weir::cli {
namespace {

using weir::v1::PluginMetric;
using weir::v1::PluginStats;

constexpr auto kRight = Table::Align::kRight;

// "family=ipv6,kind=new", in a fixed order.
std::string Labels(const PluginMetric& metric) {
  const std::map<std::string, std::string> labels(metric.labels().begin(),
                                                  metric.labels().end());
  std::string text;
  for (const auto& [key, value] : labels) {
    absl::StrAppend(&text, text.empty() ? "" : ",", key, "=", value);
  }
  return text.empty() ? "-" : text;
}

std::string HistogramText(const PluginMetric::Histogram& histogram) {
  std::string text;
  uint64_t count = 0;
  for (int i = 0; i < histogram.counts_size(); ++i) {
    count += histogram.counts(i);
    if (i < histogram.bounds_size()) {
      absl::StrAppend(&text, "<=", histogram.bounds(i), ": ",
                      Thousands(histogram.counts(i)), "  ");
    } else {
      absl::StrAppend(&text, "more: ", Thousands(histogram.counts(i)));
    }
  }
  const double mean = count == 0 ? 0
                                 : static_cast<double>(histogram.sum()) /
                                       static_cast<double>(count);
  return absl::StrCat(text, "  mean: ", absl::StrFormat("%.1f", mean));
}

std::string Value(const PluginMetric& metric) {
  switch (metric.value_case()) {
    case PluginMetric::kCounter:
      return Thousands(metric.counter());
    case PluginMetric::kGauge:
      return absl::StrCat(metric.gauge());
    case PluginMetric::kHistogram:
      return HistogramText(metric.histogram());
    case PluginMetric::VALUE_NOT_SET:
      break;
  }
  return "-";
}

}  // namespace

void PrintPluginStats(const PluginStats& plugin, bool colour,
                      std::ostream& out) {
  weir::v1::Stats alone;
  *alone.add_plugins() = plugin;
  PrintPlugins(alone, colour, out);
  Table services({{"SERVICE"}, {"", kRight}});
  services.AddRow({"ticks", Thousands(plugin.ticks())});
  services.AddRow({"  error", Thousands(plugin.tick_errors())});
  services.AddRow({"log lines", Thousands(plugin.log_lines())});
  services.AddRow({"  suppressed", Thousands(plugin.log_lines_suppressed())});
  services.AddRow({"keeps", Bytes(plugin.kv_bytes())});
  services.AddRow({"  read", Thousands(plugin.kv_gets())});
  services.AddRow({"  changed", Thousands(plugin.kv_changes())});
  services.AddRow({"  refused", Thousands(plugin.kv_refused())});
  services.AddRow({"  failed", Thousands(plugin.kv_errors())});
  services.AddRow({"metrics refused", Thousands(plugin.metrics_refused())});
  out << "\n";
  services.Print(out, colour);
  if (!plugin.kv_last_error().empty()) {
    out << "what it keeps: " << Escape(plugin.kv_last_error()) << "\n";
  }
  if (plugin.metrics().empty()) return;
  Table metrics({{"METRIC"}, {"LABELS"}, {"VALUE"}});
  for (const PluginMetric& metric : plugin.metrics()) {
    metrics.AddRow({metric.name(), Labels(metric), Value(metric)});
  }
  out << "\n";
  metrics.Print(out, colour);
}

}  // namespace weir::cli
