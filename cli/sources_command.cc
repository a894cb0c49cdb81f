#include "cli/sources_command.h"

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/table.h"
#include "weir/v1/source.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Source;
using weir::v1::SourceService;

constexpr char kCollection[] = "sources/";

std::string State(const Source& source) {
  return EnumWords(Source::State_Name(source.state()), "STATE_");
}

// When a moment was, on the clock of the wall; "-" for never.
std::string At(bool known, const google::protobuf::Timestamp& time,
               absl::TimeZone zone) {
  if (!known) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), zone);
}

std::string OutageText(const Source& source, absl::TimeZone zone) {
  if (!source.has_outage()) return "";
  const Source::Outage& outage = source.outage();
  return absl::StrCat(
      At(true, outage.begin_time(), zone), " to ",
      outage.has_end_time() ? At(true, outage.end_time(), zone) : "now", ", ",
      outage.reason(), ", ", outage.attempts(), " attempts",
      outage.data_lost() ? ", data lost" : ", nothing lost");
}

Details Describe(const Source& source, absl::TimeZone zone) {
  Details details = {
      {"name", source.name()},
      {"kind", source.kind()},
      {"endpoint", source.endpoint()},
      {"decoder", source.decoder()},
      {"state", State(source)},
      {"since", At(source.has_state_time(), source.state_time(), zone)},
      {"last message",
       At(source.has_last_message_time(), source.last_message_time(), zone)},
      {"next try", source.has_next_retry_time()
                       ? At(true, source.next_retry_time(), zone)
                       : ""},
      {"failures in a row", absl::StrCat(source.consecutive_failures())},
      {"last error", source.last_error().message()},
      {"outage", OutageText(source, zone)},
      {"position", source.upstream_position()},
      {"committed", source.committed_position()},
      {"flow control", source.flow_control() ? "yes" : "no"},
      {"held up by", absl::StrJoin(source.blocked_by(), ", ")},
  };
  // A map of proto has no order.
  const std::map<std::string, std::string> own(source.details().begin(),
                                               source.details().end());
  for (const auto& [name, text] : own) {
    details.emplace_back(absl::StrReplaceAll(name, {{"_", " "}}), text);
  }
  return details;
}

void Print(const Source& source, Session& session) {
  if (session.json) {
    PrintJson(source, Defaults::kPrint, session.out);
  } else {
    PrintDetails(Describe(source, session.time_zone), session.out);
  }
}

// Makes the call that `method` names and shows the source that it answers with.
template <typename Request, typename Method>
int Ask(Method method, Request request, const std::string& name,
        Session& session) {
  const std::unique_ptr<SourceService::Stub> stub =
      SourceService::NewStub(session.Connect());
  request.set_name(ResourceName(kCollection, name));
  Source source;
  const grpc::Status status = session.Call(*stub, method, request, &source);
  if (!status.ok()) return ReportFailure(status, session);
  Print(source, session);
  return kDone;
}

template <typename Request>
Request Because(const std::string& reason) {
  Request request;
  request.set_reason(reason);
  return request;
}

}  // namespace

int RunSourcesList(Session& session) {
  const std::unique_ptr<SourceService::Stub> stub =
      SourceService::NewStub(session.Connect());
  Table table({{"SOURCE"},
               {"KIND"},
               {"STATE"},
               {"LAST MESSAGE"},
               {"ENDPOINT"},
               {"LAST ERROR"}});
  weir::v1::ListSourcesRequest request;
  do {
    weir::v1::ListSourcesResponse response;
    const grpc::Status status = session.Call(
        *stub, &SourceService::Stub::ListSources, request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const Source& source : response.sources()) {
      if (session.json) {
        PrintJson(source, Defaults::kPrint, session.out);
      }
      table.AddRow({ShortName(kCollection, source.name()), source.kind(),
                    State(source) + (source.blocked() ? ", held up" : ""),
                    At(source.has_last_message_time(),
                       source.last_message_time(), session.time_zone),
                    source.endpoint(), source.last_error().message()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunSourcesGet(const std::string& name, Session& session) {
  return Ask(&SourceService::Stub::GetSource, weir::v1::GetSourceRequest(),
             name, session);
}

int RunSourcesPause(const std::string& name, const std::string& reason,
                    Session& session) {
  return Ask(&SourceService::Stub::PauseSource,
             Because<weir::v1::PauseSourceRequest>(reason), name, session);
}

int RunSourcesResume(const std::string& name, const std::string& reason,
                     Session& session) {
  return Ask(&SourceService::Stub::ResumeSource,
             Because<weir::v1::ResumeSourceRequest>(reason), name, session);
}

int RunSourcesReconnect(const std::string& name, const std::string& reason,
                        Session& session) {
  return Ask(&SourceService::Stub::ReconnectSource,
             Because<weir::v1::ReconnectSourceRequest>(reason), name, session);
}

}  // namespace weir::cli
