#include "cli/poison_command.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/table.h"
#include "weir/v1/plugin.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::PluginService;
using weir::v1::PoisonMessage;
using weir::v1::ReplayPoisonMessageResponse;

constexpr char kPlugins[] = "plugins/";
constexpr char kPoisons[] = "/poisonMessages/";

// "counts/7" of "plugins/counts/poisonMessages/7".
std::string ShortPoisonName(const std::string& name) {
  return absl::StrReplaceAll(absl::StripPrefix(name, kPlugins),
                             {{kPoisons, "/"}});
}

std::string PoisonName(const std::string& name) {
  if (absl::StartsWith(name, kPlugins)) return name;
  return absl::StrCat(kPlugins, absl::StrReplaceAll(name, {{"/", kPoisons}}));
}

std::string Time(const google::protobuf::Timestamp& time,
                 const Session& session) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(time), session.time_zone);
}

Details Describe(const PoisonMessage& poison, const Session& session) {
  Details details = {
      {"name", ShortPoisonName(poison.name())},
      {"cause", poison.cause()},
      {"deaths", Thousands(poison.count())},
      {"first", Time(poison.first_time(), session)},
      {"last", Time(poison.last_time(), session)},
      {"fingerprint", poison.fingerprint()},
      {"source", poison.source()},
      {"type", poison.message_type()},
      {"sequence", absl::StrCat(poison.message_sequence())},
      {"payload", Bytes(poison.payload_bytes())},
      {"generation", absl::StrCat(poison.generation())},
      {"sha256", poison.plugin_sha256()},
  };
  for (const std::string& frame : poison.frames()) {
    details.emplace_back("at", frame);
  }
  return details;
}

}  // namespace

int RunPoisonList(const std::string& plugin, Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  Table table({{"MESSAGE"},
               {"CAUSE"},
               {"DEATHS", Table::Align::kRight},
               {"LAST"},
               {"TYPE"},
               {"SEQUENCE", Table::Align::kRight},
               {"PAYLOAD", Table::Align::kRight},
               {"FINGERPRINT"}});
  weir::v1::ListPoisonMessagesRequest request;
  request.set_parent(ResourceName(kPlugins, plugin.empty() ? "-" : plugin));
  do {
    weir::v1::ListPoisonMessagesResponse response;
    const grpc::Status status = session.Call(
        *stub, &PluginService::Stub::ListPoisonMessages, request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const PoisonMessage& poison : response.poison_messages()) {
      if (session.json) PrintJson(poison, Defaults::kPrint, session.out);
      table.AddRow({ShortPoisonName(poison.name()), poison.cause(),
                    Thousands(poison.count()),
                    Time(poison.last_time(), session), poison.message_type(),
                    absl::StrCat(poison.message_sequence()),
                    Bytes(poison.payload_bytes()), poison.fingerprint()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunPoisonGet(const std::string& name, const std::string& payload_file,
                 Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  weir::v1::GetPoisonMessageRequest request;
  request.set_name(PoisonName(name));
  PoisonMessage poison;
  const grpc::Status status = session.Call(
      *stub, &PluginService::Stub::GetPoisonMessage, request, &poison);
  if (!status.ok()) return ReportFailure(status, session);
  if (!payload_file.empty()) {
    std::ofstream file(payload_file, std::ios::binary | std::ios::trunc);
    file << poison.payload();
    if (!file.flush()) {
      session.err << "weir: " << payload_file
                  << ": cannot be written: " << std::strerror(errno) << "\n";
      return kRefused;
    }
    poison.clear_payload();
  }
  if (session.json) {
    PrintJson(poison, Defaults::kPrint, session.out);
    return kDone;
  }
  PrintDetails(Describe(poison, session), session.out);
  if (poison.payload().empty()) return kDone;
  session.out << "\n" << Escape(poison.payload()) << "\n";
  if (poison.payload().size() < poison.payload_bytes()) {
    session.out << "(the first " << Bytes(poison.payload().size()) << ")\n";
  }
  return kDone;
}

int RunPoisonReplay(const PoisonTrial& trial, Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  weir::v1::ReplayPoisonMessageRequest request;
  request.set_name(PoisonName(trial.name));
  request.set_module(trial.module);
  if (trial.deadline.has_value()) {
    auto& deadline = *request.mutable_deadline();
    deadline.set_seconds(absl::ToInt64Seconds(*trial.deadline));
    deadline.set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(*trial.deadline % absl::Seconds(1))));
  }
  ReplayPoisonMessageResponse response;
  grpc::ClientContext context;
  // Behind others, each of which takes a minute at most.
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::minutes(5));
  const Interrupt::Registration interrupt(session.interrupt,
                                          [&] { context.TryCancel(); });
  const grpc::Status status =
      stub->ReplayPoisonMessage(&context, request, &response);
  if (!status.ok()) return ReportFailure(status, session);
  const bool came_through =
      response.outcome() == ReplayPoisonMessageResponse::OUTCOME_OK;
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
    return came_through ? kDone : kRefused;
  }
  Details details = {
      {"outcome",
       EnumWords(ReplayPoisonMessageResponse::Outcome_Name(response.outcome()),
                 "OUTCOME_")},
      {"detail", response.detail()},
      {"took", Span(ToDuration(response.handle_time()))},
      {"events", Thousands(static_cast<uint64_t>(response.events_size()))},
  };
  for (const std::string& frame : response.frames()) {
    details.emplace_back("at", frame);
  }
  for (const auto& event : response.events()) {
    details.emplace_back(
        "event",
        absl::StrCat(event.type(), " ", event.subject(), " ", event.json()));
  }
  PrintDetails(details, session.out);
  return came_through ? kDone : kRefused;
}

}  // namespace weir::cli
