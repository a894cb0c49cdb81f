#include "cli/stats_command.h"

#include <memory>

#include "cli/call_report.h"
#include "cli/json.h"
#include "cli/stats_report.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Stats;
using weir::v1::StatsService;

// Puts the cursor in the corner and clears what is below it.
constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

void Print(const Stats& stats, Session& session) {
  if (session.json) {
    PrintJson(stats, Defaults::kPrint, session.out);
  } else {
    PrintStats(stats, session.colour, session.out);
    session.out << std::flush;
  }
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
    Print(stats, session);
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
  Print(stats, session);
  return kDone;
}

}  // namespace weir::cli
