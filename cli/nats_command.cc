#include "cli/nats_command.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/steward_messages.h"
#include "cli/table.h"
#include "weir/v1/steward.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::StewardService;

constexpr char kCollection[] = "sources/";

std::string FullName(const std::string& source) {
  return source.empty() ? "" : ResourceName(kCollection, source);
}

// False if the file cannot be read.
bool ReadFile(const std::string& path, std::string* text) {
  if (path == "-") {
    text->assign(std::istreambuf_iterator<char>(std::cin), {});
    return true;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  text->assign(std::istreambuf_iterator<char>(file), {});
  return true;
}

int Misuse(absl::string_view what, Session& session) {
  session.err << "weir: " << what << "\n";
  return kUsageError;
}

// So that a repeat of gRPC's own does nothing twice.
std::string NewRequestId(Session& session) {
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(session.random)));
}

using weir::v1::StewardProcessStatus;

std::string StateOf(const StewardProcessStatus& process) {
  switch (process.state()) {
    case StewardProcessStatus::STATE_STARTING:
      return "starting";
    case StewardProcessStatus::STATE_RUNNING:
      return "running";
    case StewardProcessStatus::STATE_STOPPED:
      return "stopped";
    case StewardProcessStatus::STATE_ENDED:
      return "ended";
    default:
      return "unknown";
  }
}

// Prints what became of a process, or why nothing did.
int ReportProcess(const grpc::Status& status,
                  const StewardProcessStatus& process, Session& session) {
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(process, Defaults::kPrint, session.out);
  } else {
    session.out << "process " << process.id() << ", "
                << Escape(process.subject()) << ": " << StateOf(process)
                << "\n";
  }
  return kDone;
}

}  // namespace

int RunNatsSend(const NatsArguments& arguments, Session& session) {
  std::string text;
  if (!ReadFile(arguments.file, &text)) {
    return Misuse(absl::StrCat(arguments.file,
                               ": cannot be read; name a file with a list of "
                               "messages, or - for standard input"),
                  session);
  }
  weir::v1::SendMessagesRequest request;
  const absl::Status status =
      ReadStewardMessages(arguments.file, text, &request);
  if (!status.ok()) return Misuse(status.message(), session);
  request.set_source(FullName(arguments.source));
  request.set_request_id(NewRequestId(session));
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  weir::v1::SendMessagesResponse response;
  const grpc::Status called = session.Call(
      *stub, &StewardService::Stub::SendMessages, request, &response);
  if (!called.ok()) return ReportFailure(called, session);
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
  } else {
    session.out << response.messages()
                << (response.messages() == 1 ? " message" : " messages")
                << " taken by " << ShortName(kCollection, response.source())
                << "\n";
  }
  return kDone;
}

int RunNatsUndelivered(const NatsArguments& arguments, Session& session) {
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  Table table({{"NUMBER", Table::Align::kRight},
               {"GIVEN UP"},
               {"TO"},
               {"METHOD"},
               {"REASON"}});
  weir::v1::ListUndeliveredRequest request;
  request.set_source(FullName(arguments.source));
  do {
    weir::v1::ListUndeliveredResponse response;
    const grpc::Status status = session.Call(
        *stub, &StewardService::Stub::ListUndelivered, request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const weir::v1::UndeliveredMessage& one : response.messages()) {
      if (session.json) PrintJson(one, Defaults::kOmit, session.out);
      table.AddRow(
          {absl::StrCat(one.number()),
           absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(one.given_up_time()),
                            session.time_zone),
           one.message().to_node(), one.message().method(), one.reason()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunNatsResend(const NatsArguments& arguments, Session& session) {
  weir::v1::ResendUndeliveredRequest request;
  request.set_source(FullName(arguments.source));
  request.mutable_numbers()->Add(arguments.numbers.begin(),
                                 arguments.numbers.end());
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  weir::v1::ResendUndeliveredResponse response;
  const grpc::Status status = session.Call(
      *stub, &StewardService::Stub::ResendUndelivered, request, &response);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
  } else {
    session.out << response.messages()
                << (response.messages() == 1 ? " message waits"
                                             : " messages wait")
                << " to be sent again\n";
  }
  return kDone;
}

int RunNatsProcesses(const NatsArguments& arguments, Session& session) {
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  Table table({{"ID", Table::Align::kRight},
               {"SUBJECT"},
               {"STATE"},
               {"SINCE"},
               {"MESSAGES", Table::Align::kRight},
               {"FROM"},
               {"WHY"}});
  weir::v1::ListProcessesRequest request;
  request.set_source(FullName(arguments.source));
  do {
    weir::v1::ListProcessesResponse response;
    const grpc::Status status = session.Call(
        *stub, &StewardService::Stub::ListProcesses, request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const StewardProcessStatus& one : response.processes()) {
      if (session.json) PrintJson(one, Defaults::kOmit, session.out);
      table.AddRow(
          {absl::StrCat(one.id()), one.subject(), StateOf(one),
           absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(one.state_time()),
                            session.time_zone),
           absl::StrCat(one.messages()),
           one.allowed_senders().empty()
               ? "all"
               : absl::StrJoin(one.allowed_senders(), ","),
           one.why()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunNatsStart(const NatsArguments& arguments, Session& session) {
  weir::v1::StartProcessRequest request;
  request.set_source(FullName(arguments.source));
  request.set_method(arguments.method);
  request.mutable_allowed_senders()->Add(arguments.allowed_senders.begin(),
                                         arguments.allowed_senders.end());
  request.set_require_signature(arguments.require_signature);
  request.set_stop_on_error(arguments.stop_on_error);
  request.set_acknowledge_done(arguments.acknowledge_done);
  request.set_request_id(NewRequestId(session));
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  StewardProcessStatus process;
  const grpc::Status status = session.Call(
      *stub, &StewardService::Stub::StartProcess, request, &process);
  return ReportProcess(status, process, session);
}

int RunNatsStop(const NatsArguments& arguments, Session& session) {
  weir::v1::StopProcessRequest request;
  request.set_source(FullName(arguments.source));
  request.set_method(arguments.method);
  request.set_request_id(NewRequestId(session));
  const std::unique_ptr<StewardService::Stub> stub =
      StewardService::NewStub(session.Connect());
  StewardProcessStatus process;
  const grpc::Status status = session.Call(
      *stub, &StewardService::Stub::StopProcess, request, &process);
  return ReportProcess(status, process, session);
}

}  // namespace weir::cli
