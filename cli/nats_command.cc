#include "cli/nats_command.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
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
  // So that a repeat of gRPC's own sends nothing twice.
  request.set_request_id(
      absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(session.random))));
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

}  // namespace weir::cli
