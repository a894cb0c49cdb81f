#include "cli/plugins_command.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "cli/call_report.h"
#include "cli/details.h"
#include "cli/escape.h"
#include "cli/human.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/resource_name.h"
#include "cli/table.h"
#include "google/protobuf/util/json_util.h"
#include "weir/v1/plugin.grpc.pb.h"

namespace weir::cli {
namespace {

using weir::v1::Plugin;
using weir::v1::PluginService;

constexpr char kCollection[] = "plugins/";

// How long a change may take: its turn behind another one, a drain, at most
// 60 s, and then an instance made and another one ended, 10 s each by default.
constexpr auto kChangeDeadline = std::chrono::seconds(120);

std::string State(const Plugin& plugin) {
  return EnumWords(Plugin::State_Name(plugin.state()), "STATE_");
}

std::string Policy(const Plugin& plugin) {
  return EnumWords(weir::v1::QueuePolicy_Name(plugin.settings().policy()),
                   "QUEUE_POLICY_");
}

std::string Sandbox(const Plugin& plugin) {
  const auto profile = plugin.settings().sandbox();
  if (profile == weir::v1::SANDBOX_PROFILE_UNSPECIFIED) return "";
  return EnumWords(weir::v1::SandboxProfile_Name(profile), "SANDBOX_PROFILE_");
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

std::string NextRestart(const Plugin& plugin, absl::TimeZone zone) {
  if (!plugin.has_next_restart_time()) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          ToTime(plugin.next_restart_time()), zone);
}

std::string Pid(const Plugin& plugin) {
  return plugin.pid() == 0 ? "" : absl::StrCat(plugin.pid());
}

// On one line; empty if it is not known.
std::string Config(const Plugin& plugin) {
  std::string json;
  if (plugin.has_config()) {
    (void)google::protobuf::util::MessageToJsonString(plugin.config(), &json);
  }
  return json;
}

std::string Schema(const Plugin& plugin) {
  return plugin.config_schema().empty()
             ? ""
             : absl::StrCat(Thousands(plugin.config_schema().size()),
                            " bytes; weir plugins schema shows it");
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
      {"health", plugin.health()},
      {"demotion", plugin.demotion()},
      {"last change", Change(plugin, zone)},
      {"config", Config(plugin)},
      {"revision", absl::StrCat(plugin.config_revision())},
      {"schema", Schema(plugin)},
      {"policy", Policy(plugin)},
      {"queue", Thousands(plugin.effective_capacity())},
      {"isolation",
       EnumWords(weir::v1::Isolation_Name(plugin.settings().isolation()),
                 "ISOLATION_")},
      {"sandbox", Sandbox(plugin)},
      {"generation", absl::StrCat(plugin.generation())},
      {"pid", Pid(plugin)},
      {"restarts", absl::StrCat(plugin.restart_count())},
      {"next restart", NextRestart(plugin, zone)},
      {"previous sha256", plugin.previous_sha256()},
      {"poison messages", absl::StrCat(plugin.poison_count())},
      {"wants", absl::StrJoin(plugin.wanted_message_types(), ", ")},
      {"emits", absl::StrJoin(plugin.event_types(), ", ")},
      {"etag", plugin.etag()},
  };
}

// The request, with the fields that it has out of `change`.
template <typename Request>
Request RequestFor(const PluginChange& change) {
  Request request;
  if constexpr (requires { request.set_plugin_id(""); }) {
    request.set_plugin_id(change.plugin_id);
    request.set_start_paused(change.start_paused);
  } else {
    request.set_name(ResourceName(kCollection, change.name));
  }
  if constexpr (requires { request.set_cold(true); }) {
    request.set_cold(change.cold);
  }
  if constexpr (requires { request.set_module(""); }) {
    request.set_module(change.module);
    request.set_sha256(change.sha256);
  }
  if constexpr (requires { request.set_etag(""); }) {
    request.set_etag(change.etag);
  }
  if constexpr (requires { request.set_reason(""); }) {
    request.set_reason(change.reason);
    request.set_validate_only(change.validate_only);
  }
  if constexpr (requires { request.mutable_drain_timeout(); }) {
    if (change.drain_timeout.has_value()) {
      auto& timeout = *request.mutable_drain_timeout();
      timeout.set_seconds(absl::ToInt64Seconds(*change.drain_timeout));
      timeout.set_nanos(static_cast<int32_t>(
          absl::ToInt64Nanoseconds(*change.drain_timeout % absl::Seconds(1))));
    }
  }
  request.set_request_id(change.request_id);
  return request;
}

// Says what is wrong with the command line.
int ReportUsage(const absl::Status& status, Session& session) {
  session.err << "weir: " << Escape(status.message()) << "\n";
  return kUsageError;
}

// Fills in the configuration that a plugin is to be loaded with.
template <typename Request>
absl::Status AddConfig(const PluginChange& change, Request* request) {
  const ConfigArguments& config = change.config;
  if (!config.file.empty() || !config.set.empty() || !config.set_json.empty()) {
    absl::Status status = FillConfig(config, request->mutable_config());
    if (!status.ok()) return status;
  }
  if constexpr (requires { request->mutable_settings(); }) {
    if (!config.settings.empty()) {
      return FillSettings(config, request->mutable_settings());
    }
  }
  return absl::OkStatus();
}

// Makes a call that takes as long as a plugin takes.
template <typename Method, typename Request, typename Response>
grpc::Status CallPatiently(Method method, const Request& request,
                           Response* response, Session& session) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kChangeDeadline);
  const Interrupt::Registration interrupt(session.interrupt,
                                          [&] { context.TryCancel(); });
  return (stub.get()->*method)(&context, request, response);
}

// "plugins/counts: running, generation 3".
std::string Outcome(const Plugin& plugin) {
  return absl::StrCat(Escape(plugin.name()), ": ", State(plugin),
                      ", generation ", plugin.generation(),
                      plugin.error().empty() ? "" : ", ",
                      Escape(plugin.error()));
}

// The end of such a line.
const char* DryRun(const PluginChange& change) {
  return change.validate_only ? "; nothing was changed\n" : "\n";
}

// Asks for what is answered with the plugin, and says how that is then.
template <typename Method, typename Request>
int Ask(Method method, const PluginChange& change, const Request& request,
        Session& session) {
  Plugin plugin;
  const grpc::Status status = CallPatiently(method, request, &plugin, session);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(plugin, Defaults::kPrint, session.out);
  } else {
    session.out << Outcome(plugin) << DryRun(change);
  }
  return kDone;
}

template <typename Request, typename Method>
int Change(Method method, const PluginChange& change, Session& session) {
  return Ask(method, change, RequestFor<Request>(change), session);
}

// The same, of what may say a configuration.
template <typename Request, typename Method>
int ChangeWithConfig(Method method, const PluginChange& change,
                     Session& session) {
  auto request = RequestFor<Request>(change);
  const absl::Status status = AddConfig(change, &request);
  if (!status.ok()) return ReportUsage(status, session);
  return Ask(method, change, request, session);
}

grpc::Status GetPlugin(const std::string& name, Session& session,
                       Plugin* plugin) {
  const std::unique_ptr<PluginService::Stub> stub =
      PluginService::NewStub(session.Connect());
  weir::v1::GetPluginRequest request;
  request.set_name(ResourceName(kCollection, name));
  return session.Call(*stub, &PluginService::Stub::GetPlugin, request, plugin);
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
               {"PID", Table::Align::kRight},
               {"RESTARTS", Table::Align::kRight},
               {"NEXT RESTART"},
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
                    Policy(plugin), plugin.pid() == 0 ? "-" : Pid(plugin),
                    Thousands(plugin.restart_count()),
                    plugin.has_next_restart_time()
                        ? NextRestart(plugin, session.time_zone)
                        : "-",
                    Conditions(plugin), plugin.error()});
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!session.json) table.Print(session.out, session.colour);
  return kDone;
}

int RunPluginsGet(const std::string& name, Session& session) {
  Plugin plugin;
  const grpc::Status status = GetPlugin(name, session, &plugin);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(plugin, Defaults::kPrint, session.out);
  } else {
    PrintDetails(Describe(plugin, session.time_zone), session.out);
  }
  return kDone;
}

int RunPluginsSchema(const std::string& name, Session& session) {
  Plugin plugin;
  const grpc::Status status = GetPlugin(name, session, &plugin);
  if (!status.ok()) return ReportFailure(status, session);
  if (plugin.config_schema().empty()) {
    session.err << "weir: " << Escape(plugin.name())
                << " tells no schema: it has none, or was not loaded yet\n";
    return kRefused;
  }
  for (const absl::string_view line :
       absl::StrSplit(plugin.config_schema(), '\n')) {
    session.out << Escape(line) << "\n";
  }
  return kDone;
}

int RunPluginsLoad(const PluginChange& change, Session& session) {
  return ChangeWithConfig<weir::v1::LoadPluginRequest>(
      &PluginService::Stub::LoadPlugin, change, session);
}

int RunPluginsUnload(const PluginChange& change, Session& session) {
  weir::v1::UnloadPluginRequest request =
      RequestFor<weir::v1::UnloadPluginRequest>(change);
  request.set_force(change.force);
  request.set_remove(change.remove);
  request.set_allow_missing(change.allow_missing);
  weir::v1::UnloadPluginResponse response;
  const grpc::Status status = CallPatiently(&PluginService::Stub::UnloadPlugin,
                                            request, &response, session);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
    return kDone;
  }
  // Without the plugin it is gone: now, or it was before.
  session.out << (response.has_plugin()
                      ? Outcome(response.plugin())
                      : absl::StrCat(Escape(request.name()), ": gone"));
  if (response.discarded_messages() > 0) {
    session.out << ", " << Thousands(response.discarded_messages())
                << " messages discarded";
  }
  session.out << DryRun(change);
  return kDone;
}

int RunPluginsReload(const PluginChange& change, Session& session) {
  return Change<weir::v1::ReloadPluginRequest>(
      &PluginService::Stub::ReloadPlugin, change, session);
}

int RunPluginsUpgrade(const PluginChange& change, Session& session) {
  return ChangeWithConfig<weir::v1::UpgradePluginRequest>(
      &PluginService::Stub::UpgradePlugin, change, session);
}

int RunPluginsRollback(const PluginChange& change, Session& session) {
  return Change<weir::v1::RollbackPluginRequest>(
      &PluginService::Stub::RollbackPlugin, change, session);
}

int RunPluginsConfigure(const PluginChange& change, Session& session) {
  auto request = RequestFor<weir::v1::UpdatePluginConfigRequest>(change);
  const absl::Status status = FillUpdate(change.config, &request);
  if (!status.ok()) return ReportUsage(status, session);
  return Ask(&PluginService::Stub::UpdatePluginConfig, change, request,
             session);
}

int RunPluginsPause(const PluginChange& change, Session& session) {
  return Change<weir::v1::PausePluginRequest>(&PluginService::Stub::PausePlugin,
                                              change, session);
}

int RunPluginsResume(const PluginChange& change, Session& session) {
  return Change<weir::v1::ResumePluginRequest>(
      &PluginService::Stub::ResumePlugin, change, session);
}

int RunPluginsQuarantine(const PluginChange& change, Session& session) {
  return Change<weir::v1::QuarantinePluginRequest>(
      &PluginService::Stub::QuarantinePlugin, change, session);
}

int RunPluginsRelease(const PluginChange& change, Session& session) {
  return Change<weir::v1::ReleasePluginRequest>(
      &PluginService::Stub::ReleasePlugin, change, session);
}

int RunPluginsResetStats(const PluginChange& change, Session& session) {
  const auto request = RequestFor<weir::v1::ResetPluginStatsRequest>(change);
  weir::v1::ResetPluginStatsResponse response;
  const grpc::Status status = CallPatiently(
      &PluginService::Stub::ResetPluginStats, request, &response, session);
  if (!status.ok()) return ReportFailure(status, session);
  if (session.json) {
    PrintJson(response, Defaults::kPrint, session.out);
  } else {
    session.out << Escape(request.name()) << ": statistics begin anew\n";
  }
  return kDone;
}

}  // namespace weir::cli
