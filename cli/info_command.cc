#include "cli/info_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/human.h"
#include "cli/json.h"
#include "weir/v1/event.grpc.pb.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir::cli {
namespace {

std::string At(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), zone);
}

// A limit or a size that the server does not have shows as nothing.
std::string BytesOrNothing(uint64_t bytes) {
  return bytes == 0 ? "" : Bytes(bytes);
}

std::string NumberOrNothing(uint64_t number) {
  return number == 0 ? "" : Thousands(number);
}

std::string SpanOrNothing(const google::protobuf::Duration& span) {
  return span.seconds() == 0 && span.nanos() == 0 ? "" : Span(ToDuration(span));
}

Details Describe(const weir::v1::LogInfo& log, absl::TimeZone zone) {
  return {
      {"epoch", log.epoch()},
      {"oldest", log.earliest_id()},
      {"newest", log.latest_id()},
      {"newest on disk", log.durable_id()},
      {"oldest in memory", log.ring_earliest_id()},
      {"oldest from",
       log.has_earliest_time() ? At(log.earliest_time(), zone) : ""},
      {"newest from", log.has_latest_time() ? At(log.latest_time(), zone) : ""},
      {"events", Thousands(log.event_count())},
      {"journal", BytesOrNothing(log.journal_bytes())},
      {"kept for",
       log.has_retention_age() ? Span(ToDuration(log.retention_age())) : ""},
      {"kept up to", BytesOrNothing(log.retention_bytes())},
  };
}

Details Describe(const weir::v1::ServerInfo& info, absl::TimeZone zone) {
  return {
      {"version", info.version()},
      {"revision", info.git_revision()},
      {"node", info.node_id()},
      {"started", info.has_start_time() ? At(info.start_time(), zone) : ""},
      {"features", absl::StrJoin(info.features(), ", ")},
      {"plugin ABI", absl::StrCat(info.plugin_abi_version())},
      {"largest event", BytesOrNothing(info.max_event_bytes())},
      {"largest batch", BytesOrNothing(info.max_batch_bytes())},
      {"subscribers, at most", NumberOrNothing(info.max_subscribers())},
      {"subscriptions, at most", NumberOrNothing(info.max_subscriptions())},
      {"streams of a connection",
       NumberOrNothing(info.max_streams_per_connection())},
      {"largest request", BytesOrNothing(info.max_request_bytes())},
      {"published a second", NumberOrNothing(info.publish_limit_per_second())},
      {"largest tail", NumberOrNothing(info.streams().max_tail())},
      {"events of a batch", NumberOrNothing(info.streams().max_batch_events())},
      {"longest delay", SpanOrNothing(info.streams().max_batch_delay())},
      {"shortest heartbeat",
       SpanOrNothing(info.streams().min_heartbeat_interval())},
      {"longest heartbeat",
       SpanOrNothing(info.streams().max_heartbeat_interval())},
      {"reads nothing, at most",
       SpanOrNothing(info.streams().write_stall_timeout())},
      {"replays at once",
       NumberOrNothing(info.streams().max_concurrent_replays())},
      {"filters of a stream", NumberOrNothing(info.filters().max_filters())},
      {"... types of each", NumberOrNothing(info.filters().max_types())},
      {"... sources", NumberOrNothing(info.filters().max_sources())},
      {"... regexes on subjects",
       NumberOrNothing(info.filters().max_subject_regexes())},
      {"... on JSON", NumberOrNothing(info.filters().max_json_regexes())},
      {"... bytes of a regex",
       NumberOrNothing(info.filters().max_regex_bytes())},
      {"... prefixes", NumberOrNothing(info.filters().max_prefixes())},
      {"... AS numbers", NumberOrNothing(info.filters().max_as_numbers())},
      {"memory of regexes", BytesOrNothing(info.filters().memory_bytes())},
  };
}

// Shows the answer of one call, or why there is none.
template <typename Answer>
int Show(const grpc::Status& status, const Answer& answer, Session& session) {
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(answer, Defaults::kPrint, session.out);
  } else {
    PrintDetails(Describe(answer, session.time_zone), session.out);
  }
  return kDone;
}

}  // namespace

int RunLog(Session& session) {
  using weir::v1::EventService;
  const auto stub = EventService::NewStub(session.Connect());
  weir::v1::LogInfo log;
  const grpc::Status status =
      session.Call(*stub, &EventService::Stub::GetLogInfo,
                   weir::v1::GetLogInfoRequest(), &log);
  return Show(status, log, session);
}

int RunInfo(Session& session) {
  using weir::v1::StatsService;
  const auto stub = StatsService::NewStub(session.Connect());
  weir::v1::ServerInfo info;
  const grpc::Status status =
      session.Call(*stub, &StatsService::Stub::GetServerInfo,
                   weir::v1::GetServerInfoRequest(), &info);
  return Show(status, info, session);
}

}  // namespace weir::cli
