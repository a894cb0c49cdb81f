#include "cli/stats_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/call_report.h"
#include "cli/escape.h"
#include "cli/json.h"
#include "cli/plugin_stats_report.h"
#include "cli/stats_report.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Stats;
using weir::v1::StatsService;

// Puts the cursor in the corner and clears what is below it.
constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

// Returns false, after saying so, if there is no such plugin.
bool PrintOne(const Stats& stats, const std::string& name, Session& session) {
  const std::string full(
      absl::StrCat("plugins/", absl::StripPrefix(name, "plugins/")));
  for (const weir::v1::PluginStats& plugin : stats.plugins()) {
    if (plugin.name() != full) continue;
    if (session.json) {
      PrintJson(plugin, Defaults::kPrint, session.out);
    } else {
      PrintPluginStats(plugin, session.colour, session.out);
      session.out << std::flush;
    }
    return true;
  }
  session.err << "weir: no plugin is called \"" << Escape(name)
              << "\"; weir plugins lists them\n";
  return false;
}

// Returns false if there is not what was asked for.
bool Print(const Stats& stats, const StatsArguments& arguments,
           Session& session) {
  if (!arguments.plugin.empty()) {
    return PrintOne(stats, arguments.plugin, session);
  }
  if (session.json) {
    PrintJson(stats, Defaults::kPrint, session.out);
  } else {
    PrintStats(stats, session.colour, session.out);
    session.out << std::flush;
  }
  return true;
}

int Watch(const StatsArguments& arguments, StatsService::Stub& stub,
          Session& session) {
  weir::v1::WatchStatsRequest request;
  const absl::Duration rest = arguments.interval % absl::Seconds(1);
  request.mutable_interval()->set_seconds(
      absl::ToInt64Seconds(arguments.interval));
  request.mutable_interval()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  grpc::ClientContext context;
  const Interrupt::Registration registration(session.interrupt,
                                             [&] { context.TryCancel(); });
  const auto reader = stub.WatchStats(&context, request);
  Stats stats;
  for (bool first = true; reader->Read(&stats); first = false) {
    if (!session.json && session.terminal) session.out << kClearScreen;
    if (!session.json && !session.terminal && !first) session.out << "\n";
    if (!Print(stats, arguments, session)) {
      context.TryCancel();
      reader->Finish();
      return kRefused;
    }
    if (!session.out) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  if (session.interrupt.triggered() || status.ok()) return kDone;
  return ReportFailure(status, session);
}

}  // namespace

int RunStats(const StatsArguments& arguments, Session& session) {
  const std::unique_ptr<StatsService::Stub> stub =
      StatsService::NewStub(session.Connect());
  if (arguments.watch) return Watch(arguments, *stub, session);
  Stats stats;
  const grpc::Status status = session.Call(*stub, &StatsService::Stub::GetStats,
                                           weir::v1::GetStatsRequest(), &stats);
  if (!status.ok()) return ReportFailure(status, session);
  return Print(stats, arguments, session) ? kDone : kRefused;
}

}  // namespace weir::cli
