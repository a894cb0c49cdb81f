#include "cli/plugins_command.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/table.h"
#include "weir/v1/plugin.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Plugin;
using weir::v1::PluginService;

constexpr char kCollection[] = "plugins/";

std::string State(const Plugin& plugin) {
  return EnumWords(Plugin::State_Name(plugin.state()), "STATE_");
}

std::string Policy(const Plugin& plugin) {
  return EnumWords(weir::v1::QueuePolicy_Name(plugin.settings().policy()),
                   "QUEUE_POLICY_");
}

std::string Conditions(const Plugin& plugin) {
  return absl::StrJoin(
      plugin.conditions(), ", ", [](std::string* out, int condition) {
        out->append(EnumWords(
            Plugin::Condition_Name(static_cast<Plugin::Condition>(condition)),
            "CONDITION_"));
      });
}

std::string Change(const Plugin& plugin, absl::TimeZone zone) {
  if (!plugin.has_last_transition()) return "";
  const Plugin::Transition& change = plugin.last_transition();
  return absl::StrCat(
      EnumWords(Plugin::State_Name(change.from()), "STATE_"), " to ",
      EnumWords(Plugin::State_Name(change.to()), "STATE_"), " by ",
      change.actor(), change.reason().empty() ? "" : ": ", change.reason(),
      ", ", absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(change.time()), zone));
}

Details Describe(const Plugin& plugin, absl::TimeZone zone) {
  return {
      {"name", plugin.name()},
      {"module", plugin.module()},
      {"version", plugin.version()},
      {"sha256", plugin.sha256()},
      {"ABI",
       plugin.abi_version() == 0 ? "" : absl::StrCat(plugin.abi_version())},
      {"state", State(plugin)},
      {"conditions", Conditions(plugin)},
      {"error", plugin.error()},
      {"last change", Change(plugin, zone)},
      {"policy", Policy(plugin)},
      {"queue", Thousands(plugin.effective_capacity())},
      {"isolation",
       EnumWords(weir::v1::Isolation_Name(plugin.settings().isolation()),
                 "ISOLATION_")},
      {"generation", absl::StrCat(plugin.generation())},
      {"restarts", absl::StrCat(plugin.restart_count())},
      {"poison messages", absl::StrCat(plugin.poison_count())},
      {"wants", absl::StrJoin(plugin.wanted_message_types(), ", ")},
      {"emits", absl::StrJoin(plugin.event_types(), ", ")},
  };
}

}  // namespace

int RunPluginsList(Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  Table table({{"PLUGIN"},
               {"STATE"},
               {"VERSION"},
               {"QUEUE", Table::Align::kRight},
               {"POLICY"},
               {"CONDITIONS"},
               {"ERROR"}});
  weir::v1::ListPluginsRequest request;
  do {
    weir::v1::ListPluginsResponse response;
    const grpc::Status status = session.Call(
        *stub, &PluginService::Stub::ListPlugins, request, &response);
    if (!status.ok()) return ReportFailure(status, session);
    for (const Plugin& plugin : response.plugins()) {
      if (session.json) {
        PrintJson(plugin, Defaults::kPrint, session.out);
      }
      table.AddRow({ShortName(kCollection, plugin.name()), State(plugin),
                    plugin.version(), Thousands(plugin.effective_capacity()),
                    Policy(plugin), Conditions(plugin), plugin.error()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunPluginsGet(const std::string& name, Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  weir::v1::GetPluginRequest request;
  request.set_name(ResourceName(kCollection, name));
  Plugin plugin;
  const grpc::Status status =
      session.Call(*stub, &PluginService::Stub::GetPlugin, request, &plugin);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(plugin, Defaults::kPrint, session.out);
  } else {
    PrintDetails(Describe(plugin, session.time_zone), session.out);
  }
  return kDone;
}

}  // namespace weir::cli
