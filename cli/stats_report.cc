#include "cli/stats_report.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/table.h"

namespace weir::cli {
namespace {

using weir::v1::PluginStats;
using weir::v1::Stats;

constexpr auto kRight = Table::Align::kRight;

// As many plugins as fit beside each other on a wide terminal.
constexpr int kPluginsPerTable = 6;

std::string Nanoseconds(uint64_t nanoseconds) {
  return Span(absl::Nanoseconds(static_cast<int64_t>(nanoseconds)));
}

void PrintProcess(const Stats& stats, std::ostream& out) {
  const weir::v1::ProcessStats& process = stats.process();
  out << "host  up "
      << Span(ToTime(stats.snapshot_time()) - ToTime(stats.start_time()))
      << "  memory " << Bytes(process.rss_bytes()) << "  cpu "
      << absl::StrFormat("%.1fs", process.cpu_seconds()) << "  threads "
      << process.threads() << "  files " << process.open_fds()
      << "  messages dropped " << Thousands(stats.total_dropped()) << "\n";
}

void PrintSources(const Stats& stats, bool colour, std::ostream& out) {
  if (stats.sources().empty()) return;
  Table table({{"SOURCE"},
               {"MESSAGES", kRight},
               {"RATE", kRight},
               {"INPUT", kRight},
               {"LAG", kRight},
               {"BAD", kRight},
               {"RECONNECTS", kRight},
               {"OUTAGES", kRight},
               {"CONNECTED", kRight}});
  for (const weir::v1::SourceStats& source : stats.sources()) {
    const bool connected = source.has_connected_since();
    table.AddRow({std::string(absl::StripPrefix(source.name(), "sources/")),
                  Thousands(source.messages()),
                  PerSecond(source.messages_per_second()),
                  BitsPerSecond(source.bits_per_second()),
                  source.has_lag() ? Span(ToDuration(source.lag())) : "-",
                  Thousands(source.parse_errors()),
                  Thousands(source.reconnects()), Thousands(source.outages()),
                  connected ? Span(ToTime(stats.snapshot_time()) -
                                   ToTime(source.connected_since()))
                            : "no"});
  }
  out << "\n";
  table.Print(out, colour);
}

void PrintSinks(const Stats& stats, bool colour, std::ostream& out) {
  if (stats.sinks().empty()) return;
  Table table({{"SINK"},
               {"DELIVERED", kRight},
               {"BYTES", kRight},
               {"LAG", kRight},
               {"FAILED", kRight},
               {"REJECTED", kRight},
               {"MISSED", kRight},
               {"LAST", kRight},
               {"LAST ERROR"}});
  for (const weir::v1::SinkStats& sink : stats.sinks()) {
    table.AddRow(
        {std::string(absl::StripPrefix(sink.name(), "sinks/")),
         Thousands(sink.delivered_events()), Bytes(sink.delivered_bytes()),
         Thousands(sink.lag_events()), Thousands(sink.failed_attempts()),
         Thousands(sink.rejected_events()), Thousands(sink.missed_events()),
         sink.has_last_delivery_time() ? Span(ToTime(stats.snapshot_time()) -
                                              ToTime(sink.last_delivery_time()))
                                       : "-",
         Escape(sink.last_error())});
  }
  out << "\n";
  table.Print(out, colour);
}

// One line of the books: what it is called and what it holds.
struct Line {
  const char* name;
  std::function<std::string(const PluginStats&)> cell;
};

Line Count(const char* name, uint64_t (PluginStats::*field)() const) {
  return {name, [field](const PluginStats& plugin) {
            return Thousands((plugin.*field)());
          }};
}

std::vector<Line> Lines() {
  return {
      {"rate",
       [](const PluginStats& p) { return PerSecond(p.messages_per_second()); }},
      Count("offered", &PluginStats::offered),
      Count("  not wanted", &PluginStats::not_wanted),
      Count("  dropped, policy", &PluginStats::dropped_policy),
      Count("  dropped, full", &PluginStats::dropped_full),
      Count("  dropped, not running", &PluginStats::dropped_not_running),
      Count("  dropped, quarantined", &PluginStats::dropped_quarantined),
      Count("  enqueued", &PluginStats::enqueued),
      Count("    ok", &PluginStats::processed_ok),
      Count("    error", &PluginStats::processed_error),
      Count("    lost in crash", &PluginStats::lost_in_crash),
      Count("    discarded", &PluginStats::discarded_on_unload),
      Count("    queued", &PluginStats::queued),
      Count("    in flight", &PluginStats::in_flight),
      {"queue",
       [](const PluginStats& p) {
         return absl::StrCat(Bar(p.queue_length(), p.queue_capacity()), " ",
                             Percent(p.queue_length(), p.queue_capacity()));
       }},
      {"  capacity",
       [](const PluginStats& p) { return Thousands(p.queue_capacity()); }},
      {"  highest",
       [](const PluginStats& p) { return Thousands(p.queue_high_water()); }},
      {"handling, p50",
       [](const PluginStats& p) { return Nanoseconds(p.handle().p50_ns()); }},
      {"handling, p99",
       [](const PluginStats& p) { return Nanoseconds(p.handle().p99_ns()); }},
      Count("events emitted", &PluginStats::events_emitted),
      Count("crashes", &PluginStats::crashes),
  };
}

void PrintBroker(const Stats& stats, std::ostream& out) {
  if (!stats.has_broker()) return;
  const weir::v1::BrokerStats& broker = stats.broker();
  out << "\nlog  epoch " << Escape(broker.epoch()) << "  newest "
      << Thousands(broker.latest_seq()) << "  oldest "
      << Thousands(broker.earliest_seq()) << "  appended "
      << Thousands(broker.appended_events()) << " ("
      << Bytes(broker.appended_bytes()) << ")  delivered "
      << Thousands(broker.delivered_events()) << "  subscribers "
      << broker.subscribers() << " (" << broker.replaying_subscribers()
      << " replaying)  gaps " << Thousands(broker.gaps_sent()) << "\n";
}

void PrintSubscribers(const Stats& stats, bool colour, std::ostream& out) {
  if (stats.subscribers().empty()) return;
  Table table({{"SUBSCRIBER"},
               {"SUBSCRIPTION"},
               {"CURSOR"},
               {"BEHIND", kRight},
               {"DELIVERED", kRight},
               {"GAPS", kRight},
               {"CLIENT"}});
  for (const weir::v1::SubscriberStats& subscriber : stats.subscribers()) {
    const std::string& name = subscriber.subscription();
    table.AddRow({subscriber.stream_id(),
                  name.empty()
                      ? "-"
                      : std::string(absl::StripPrefix(name, "subscriptions/")),
                  subscriber.cursor(), Thousands(subscriber.lag_events()),
                  Thousands(subscriber.delivered_events()),
                  Thousands(subscriber.gaps()), subscriber.client()});
  }
  out << "\n";
  table.Print(out, colour);
}

}  // namespace

void PrintPlugins(const Stats& stats, bool colour, std::ostream& out) {
  for (int begin = 0; begin < stats.plugins_size(); begin += kPluginsPerTable) {
    const int end = std::min(begin + kPluginsPerTable, stats.plugins_size());
    std::vector<Table::Column> columns = {{"PLUGIN"}};
    for (int i = begin; i < end; ++i) {
      columns.push_back(
          {std::string(absl::StripPrefix(stats.plugins(i).name(), "plugins/")),
           kRight});
    }
    Table table(std::move(columns));
    for (const Line& line : Lines()) {
      std::vector<std::string> cells = {line.name};
      for (int i = begin; i < end; ++i) {
        cells.push_back(line.cell(stats.plugins(i)));
      }
      table.AddRow(std::move(cells));
    }
    out << "\n";
    table.Print(out, colour);
  }
}

void PrintStats(const Stats& stats, bool colour, std::ostream& out) {
  PrintProcess(stats, out);
  PrintSources(stats, colour, out);
  PrintPlugins(stats, colour, out);
  PrintBroker(stats, out);
  PrintSinks(stats, colour, out);
  PrintSubscribers(stats, colour, out);
}

}  // namespace weir::cli
