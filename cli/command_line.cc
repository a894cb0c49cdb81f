#include "cli/command_line.h"

#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cli/escape.h"
#include "cli/filter_arguments.h"
#include "cli/follow.h"
#include "cli/info_command.h"
#include "cli/nats_command.h"
#include "cli/plugin_check_command.h"
#include "cli/plugin_fuzz_command.h"
#include "cli/plugin_new_command.h"
#include "cli/plugin_options.h"
#include "cli/plugins_command.h"
#include "cli/poison_command.h"
#include "cli/sources_command.h"
#include "cli/start_position.h"
#include "cli/stats_command.h"
#include "cli/subscription_options.h"
#include "cli/subscriptions_command.h"
#include "cli/watch_command.h"

namespace weir::cli {
namespace {

using weir::v1::PrefixMatch;
using weir::v1::Severity;

const std::map<std::string, Severity>& Severities() {
  static const auto& severities = *new std::map<std::string, Severity>{
      {"debug", weir::v1::SEVERITY_DEBUG},
      {"info", weir::v1::SEVERITY_INFO},
      {"notice", weir::v1::SEVERITY_NOTICE},
      {"warning", weir::v1::SEVERITY_WARNING},
      {"error", weir::v1::SEVERITY_ERROR},
      {"critical", weir::v1::SEVERITY_CRITICAL}};
  return severities;
}

const std::map<std::string, PrefixMatch>& PrefixMatches() {
  static const auto& matches = *new std::map<std::string, PrefixMatch>{
      {"exact", weir::v1::PREFIX_MATCH_EXACT},
      {"more-specific", weir::v1::PREFIX_MATCH_MORE_SPECIFIC},
      {"less-specific", weir::v1::PREFIX_MATCH_LESS_SPECIFIC},
      {"overlapping", weir::v1::PREFIX_MATCH_OVERLAPPING}};
  return matches;
}

const std::map<std::string, std::string>& Languages() {
  static const auto& languages =
      *new std::map<std::string, std::string>{{"c", "c"}, {"cpp", "cpp"}};
  return languages;
}

// The names of `values`, in the order of the values.
template <typename Value>
std::string Names(const std::map<std::string, Value>& values) {
  std::vector<std::pair<Value, std::string>> sorted;
  for (const auto& [name, value] : values) sorted.emplace_back(value, name);
  std::sort(sorted.begin(), sorted.end());
  std::string names;
  for (const auto& [value, name] : sorted) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return names;
}

// Adds an option that is one of the names in `values`.
template <typename Value>
void AddChoice(CLI::App* command, const std::string& option, Value* into,
               const std::map<std::string, Value>& values,
               const std::string& help) {
  command
      ->add_option_function<std::string>(
          option,
          [into, option, &values](const std::string& text) {
            const auto found = values.find(text);
            if (found == values.end()) {
              throw CLI::ValidationError(
                  option,
                  absl::StrCat("\"", text, "\" is none of ", Names(values)));
            }
            *into = found->second;
          },
          absl::StrCat(help, ": ", Names(values)))
      ->type_name("NAME");
}

void AddFrom(CLI::App* command, weir::v1::StartPosition* into) {
  command
      ->add_option_function<std::string>(
          "--from",
          [into](const std::string& text) {
            const auto position = ParseStartPosition(text);
            if (!position.ok()) {
              throw CLI::ValidationError(
                  "--from", std::string(position.status().message()));
            }
            *into = *position;
          },
          "Where to start: latest (the default), earliest, tail=N, a time "
          "(2026-11-21T12:00:00Z), or the ID of the last event seen")
      ->type_name("POSITION");
}

void AddFilter(CLI::App* command, FilterArguments* filter) {
  // One value per mention: "--type a --type b". An option that took all that
  // follows would swallow the next argument.
  const auto add = [command](const char* name, auto* values, const char* help,
                             const char* type) {
    command->add_option(name, *values, help)
        ->type_name(type)
        ->expected(1)
        ->take_all();
  };
  add("--type", &filter->types, "Type, or prefix: hijack.*; repeatable",
      "TYPE");
  add("--subject", &filter->subjects, "RE2 regex on the subject; repeatable",
      "REGEX");
  AddChoice(command, "--min-severity", &filter->min_severity, Severities(),
            "At least so severe");
  add("--prefix", &filter->prefixes, "About this prefix; repeatable", "CIDR");
  AddChoice(command, "--prefix-match", &filter->prefix_match, PrefixMatches(),
            "How an event's prefix stands to --prefix");
  add("--asn", &filter->as_numbers, "About this AS number; repeatable",
      "NUMBER");
  command->get_option("--asn")->check([](const std::string& text) {
    uint32_t number = 0;
    return absl::SimpleAtoi(text, &number)
               ? std::string()
               : absl::StrCat("\"", text,
                              "\" is no AS number, 0 to 4294967295");
  });
  add("--source", &filter->sources,
      "From this producer: plugins/NAME, sources/NAME, host; repeatable",
      "SOURCE");
}

void AddFollow(CLI::App* command, FollowOptions* follow) {
  command->add_option("--limit", follow->limit, "End after so many events")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

// Everything that options may fill in; lives as long as the parse and the
// command.
struct Arguments {
  StatsArguments stats;
  WatchArguments watch;
  CreateSubscriptionArguments create;
  UpdateSubscriptionArguments update;
  SeekSubscriptionArguments seek;
  ConsumeArguments consume;
  PluginChange plugin;
  PluginNewArguments plugin_new;
  std::string payload_file;
  PoisonTrial trial;
  PluginCheckArguments plugin_check;
  PluginFuzzArguments plugin_fuzz;
  NatsArguments nats;
  std::string name;
  std::string reason;
};

// The parser, and the command that it chose.
class Parser {
 public:
  explicit Parser(Session& session) : session_(session) {
    app_.set_version_flag("--version", absl::StrCat("weir ", kVersion));
    app_.require_subcommand(1);
    app_.add_option("--server", session.server,
                    "Address of the host: HOST:PORT or unix:///PATH; also from "
                    "WEIR_SERVER")
        ->capture_default_str()
        ->type_name("ADDRESS");
    app_.add_flag("--json", session.json,
                  "One JSON object a line, for programs");
    AddStats();
    AddWatch();
    AddPlugins();
    AddPlugin();
    AddSources();
    AddNats();
    AddSubscriptions();
    Add(&app_, "log", "Bounds of the event log",
        [this] { return RunLog(session_); });
    Add(&app_, "info", "Version, features and limits of the server",
        [this] { return RunInfo(session_); });
  }

  int Run(std::vector<std::string> arguments) {
    // CLI11 takes them from the back.
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::Success& help) {
      app_.exit(help, session_.out, session_.err);
      return kDone;
    } catch (const CLI::ParseError& error) {
      session_.err << "weir: " << Escape(Complaint(error)) << "\n";
      return kUsageError;
    }
    if (const std::string fault = CheckServer(session_.server);
        !fault.empty()) {
      session_.err << "weir: --server or WEIR_SERVER: " << fault
                   << "; give HOST:PORT or unix:///PATH\n";
      return kUsageError;
    }
    return run_();
  }

 private:
  using Command = std::function<int()>;

  // Returns what is wrong with an address that gRPC would refuse with less
  // clear words; empty if nothing is.
  static std::string CheckServer(absl::string_view address) {
    if (address.empty()) return "the address is empty";
    // What the system's socket address holds, less its final zero.
    constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
    absl::string_view path = address;
    if (!absl::ConsumePrefix(&path, "unix:")) return "";
    absl::ConsumePrefix(&path, "//");
    if (path.size() <= kMaxPath) return "";
    return absl::StrCat("the path has ", path.size(), " bytes; the limit is ",
                        kMaxPath);
  }

  CLI::App* Add(CLI::App* parent, const std::string& name,
                const std::string& help, Command command) {
    CLI::App* app = parent->add_subcommand(name, help);
    // So that global options may stand behind the command, too.
    app->fallthrough();
    app->callback([this, app, command = std::move(command)] {
      // A group with a default runs it only if nothing in it was named.
      if (app->get_subcommands().empty()) run_ = command;
    });
    return app;
  }

  CLI::App* AddWithName(CLI::App* parent, const std::string& name,
                        const std::string& help, Command command) {
    CLI::App* app = Add(parent, name, help, std::move(command));
    app->add_option("name", arguments_.name, "Short or full name")
        ->required()
        ->type_name("NAME");
    return app;
  }

  void AddStats() {
    CLI::App* app = Add(&app_, "stats", "Statistics of the host", [this] {
      return RunStats(arguments_.stats, session_);
    });
    app->add_flag("--watch", arguments_.stats.watch, "Again every interval");
    app->add_option("--plugin", arguments_.stats.plugin,
                    "Of this one only, with the metrics of its own")
        ->type_name("NAME");
    app->add_option_function<std::string>(
           "--interval",
           [this](const std::string& text) {
             absl::Duration& interval = arguments_.stats.interval;
             if (!absl::ParseDuration(text, &interval) ||
                 interval < absl::Milliseconds(100) ||
                 interval > absl::Hours(1)) {
               throw CLI::ValidationError(
                   "--interval", absl::StrCat("\"", text,
                                              "\" is no duration from 100ms to "
                                              "1h, such as 500ms or 2s"));
             }
           },
           "With --watch: 100ms to 1h; default 1s")
        ->type_name("DURATION");
  }

  void AddWatch() {
    CLI::App* app =
        Add(&app_, "watch", "Follow events; resumes by itself",
            [this] { return RunWatch(arguments_.watch, session_); });
    AddFrom(app, &arguments_.watch.start);
    AddFilter(app, &arguments_.watch.filter);
    app->add_flag("--stop-at-latest", arguments_.watch.stop_at_latest,
                  "End with the newest event instead of waiting for more");
    app->add_flag("--wait", arguments_.watch.wait,
                  "Wait for the server when nothing listens yet");
    AddFollow(app, &arguments_.watch.follow);
    app->add_option("--cursor-file", arguments_.watch.follow.cursor_file,
                    "Keep the position here, and go on from it; beats --from")
        ->type_name("FILE");
  }

  void AddPlugins() {
    const Command list = [this] { return RunPluginsList(session_); };
    CLI::App* app = Add(&app_, "plugins", "Handler plugins", list);
    Add(app, "list", "All plugins (the default)", list);
    AddWithName(app, "get", "All about one plugin",
                [this] { return RunPluginsGet(arguments_.name, session_); });
    AddLoadOptions(
        Add(app, "load", "Load a module, and let it handle messages",
            [this] { return RunPluginsLoad(arguments_.plugin, session_); }),
        &arguments_.plugin);
    AddUnloadOptions(
        AddChange(app, "unload", "Empty its queue, and end the plugin",
                  &RunPluginsUnload),
        &arguments_.plugin);
    AddReloadOptions(AddChange(app, "reload", "Start it anew, the same code",
                               &RunPluginsReload),
                     &arguments_.plugin);
    AddUpgradeOptions(
        AddChange(app, "upgrade", "Change its code; loses nothing",
                  &RunPluginsUpgrade),
        &arguments_.plugin);
    AddRestartOptions(
        AddChange(app, "rollback", "Back to the code and configuration before",
                  &RunPluginsRollback),
        &arguments_.plugin);
    AddConfigureOptions(
        AddChange(app, "configure", "Change its configuration or its settings",
                  &RunPluginsConfigure),
        &arguments_.plugin);
    AddWithName(app, "schema", "The JSON Schema of its configuration",
                [this] { return RunPluginsSchema(arguments_.name, session_); });
    AddSteeringOptions(
        AddChange(app, "pause", "Hold its messages back", &RunPluginsPause),
        &arguments_.plugin);
    AddSteeringOptions(
        AddChange(app, "resume", "End a pause", &RunPluginsResume),
        &arguments_.plugin);
    AddRestartOptions(
        AddChange(app, "quarantine", "End it, and never start this code again",
                  &RunPluginsQuarantine),
        &arguments_.plugin);
    AddSteeringOptions(
        AddChange(app, "release", "End a quarantine", &RunPluginsRelease),
        &arguments_.plugin);
    AddResetStatsOptions(
        AddChange(app, "reset-stats",
                  "Restart high-water marks and distributions; - is all",
                  &RunPluginsResetStats),
        &arguments_.plugin);
    AddPoison(app);
  }

  void AddPoison(CLI::App* plugins) {
    const Command list = [this] {
      return RunPoisonList(arguments_.name, session_);
    };
    CLI::App* app =
        Add(plugins, "poison", "The messages that plugins died of", list);
    Add(app, "list", "All, or those of one plugin (the default)", list)
        ->add_option("plugin", arguments_.name, "Short or full name")
        ->type_name("PLUGIN");
    CLI::App* get =
        Add(app, "get", "All about one message, with its payload", [this] {
          return RunPoisonGet(arguments_.name, arguments_.payload_file,
                              session_);
        });
    get->add_option("name", arguments_.name, "As the list has it: counts/7")
        ->required()
        ->type_name("NAME");
    get->add_option("--payload-file", arguments_.payload_file,
                    "Write the payload there, and do not show it")
        ->type_name("FILE");
    PoisonTrial& trial = arguments_.trial;
    CLI::App* replay =
        Add(app, "replay", "Give it to a fresh instance, and tell",
            [this, &trial] { return RunPoisonReplay(trial, session_); });
    replay->add_option("name", trial.name, "As the list has it: counts/7")
        ->required()
        ->type_name("NAME");
    replay
        ->add_option("--module", trial.module,
                     "Of another module of the folder, counts_fixed.so")
        ->type_name("MODULE");
    replay
        ->add_option_function<std::string>(
            "--deadline",
            [&trial](const std::string& text) {
              absl::Duration deadline;
              if (!absl::ParseDuration(text, &deadline)) {
                throw CLI::ValidationError(
                    "--deadline", absl::StrCat("\"", text,
                                               "\" is no duration, such as "
                                               "500ms or 10s"));
              }
              trial.deadline = deadline;
            },
            "Above 0s, up to 60s; default 10s")
        ->type_name("DURATION");
  }

  // A command that changes the plugin that it names.
  CLI::App* AddChange(CLI::App* parent, const char* name, const char* help,
                      int (*run)(const PluginChange&, Session&)) {
    return AddWithName(parent, name, help, [this, run] {
      arguments_.plugin.name = arguments_.name;
      return run(arguments_.plugin, session_);
    });
  }

  // What an author does to a plugin, without a server.
  void AddPlugin() {
    CLI::App* group = app_.add_subcommand("plugin", "Plugins in the making");
    group->fallthrough();
    group->require_subcommand(1);
    PluginNewArguments& plugin_new = arguments_.plugin_new;
    CLI::App* app =
        Add(group, "new", "Write a plugin to begin with",
            [this, &plugin_new] { return RunPluginNew(plugin_new, session_); });
    app->add_option("name", plugin_new.name,
                    "Of the plugin and of its folder: a-z, 0-9, - and _")
        ->required()
        ->type_name("NAME");
    AddChoice(app, "--language", &plugin_new.language, Languages(),
              "What it is written in; default cpp");
    app->add_option("--directory", plugin_new.directory,
                    "Where to make the folder; default here")
        ->type_name("DIR");
    AddPluginCheck(group);
    AddPluginFuzz(group);
  }

  void AddPluginFuzz(CLI::App* group) {
    PluginFuzzArguments& fuzz = arguments_.plugin_fuzz;
    CLI::App* app =
        Add(group, "fuzz", "Give a plugin messages that no source has sent",
            [this, &fuzz] { return RunPluginFuzz(fuzz, session_); });
    app->add_option("file", fuzz.file, "The plugin, x.so")
        ->required()
        ->type_name("FILE");
    app->add_option("--config", fuzz.config,
                    "Its configuration: a file with one JSON object")
        ->type_name("FILE");
    app->add_option("--from", fuzz.from,
                    "Messages to begin with: a recording; default some of each "
                    "type")
        ->type_name("FILE");
    app->add_option("--seed", fuzz.seed,
                    "The same seed tries the same inputs; default by chance")
        ->type_name("N");
    app->add_option("--runs", fuzz.runs, "End after so many inputs")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000'000}))
        ->type_name("N");
    app->add_option("--seconds", fuzz.seconds,
                    "End after so long; default 60, or no limit with --runs")
        ->check(CLI::Range(int64_t{1}, int64_t{604'800}))
        ->type_name("N");
    AddTimeout(app, &fuzz.timeout, "Of one input; default 1s");
    app->add_option("--out", fuzz.out,
                    "Where what it finds is written; default here")
        ->type_name("DIR");
  }

  static void AddTimeout(CLI::App* app, absl::Duration* timeout,
                         const char* help) {
    app->add_option_function<std::string>(
           "--timeout",
           [timeout](const std::string& text) {
             if (!absl::ParseDuration(text, timeout) ||
                 *timeout < absl::Milliseconds(1) ||
                 *timeout > absl::Hours(1)) {
               throw CLI::ValidationError(
                   "--timeout",
                   absl::StrCat("\"", text,
                                "\" is no duration from 1ms to 1h, such as "
                                "500ms or 30s"));
             }
           },
           help)
        ->type_name("DURATION");
  }

  void AddPluginCheck(CLI::App* group) {
    PluginCheckArguments& check = arguments_.plugin_check;
    CLI::App* app =
        Add(group, "check", "Look for what is wrong with a plugin",
            [this, &check] { return RunPluginCheck(check, session_); });
    app->add_option("file", check.file, "The plugin, x.so")
        ->required()
        ->type_name("FILE");
    app->add_option("--config", check.config,
                    "Its configuration: a file with one JSON object")
        ->type_name("FILE");
    const auto add = [app](const char* name, auto* values, const char* help) {
      app->add_option(name, *values, help)
          ->type_name("REGEX")
          ->expected(1)
          ->take_all();
    };
    add("--include", &check.include,
        "Only checks whose id matches, such as ^elf; repeatable");
    add("--exclude", &check.exclude, "Not these; repeatable");
    app->add_option("--replay", check.replay,
                    "Messages to give it too: a recording, or what `weir "
                    "--json plugins poison get` prints")
        ->type_name("FILE");
    app->add_flag("--fix-hints", check.fix_hints,
                  "Say more about what is wrong, and what to do");
    app->add_option("--in-process", check.in_process,
                    "Run this one check without a child, under a debugger")
        ->type_name("ID");
    AddTimeout(app, &check.timeout, "Of each check; default 15s");
  }

  void AddSources() {
    const Command list = [this] { return RunSourcesList(session_); };
    CLI::App* app = Add(&app_, "sources", "Inputs", list);
    Add(app, "list", "All sources (the default)", list);
    AddWithName(app, "get", "All about one source",
                [this] { return RunSourcesGet(arguments_.name, session_); });
    AddSteering(app, "pause", "Disconnect until it is resumed",
                &RunSourcesPause);
    AddSteering(app, "resume", "End a pause", &RunSourcesResume);
    AddSteering(app, "reconnect", "Drop the connection and connect at once",
                &RunSourcesReconnect);
  }

  void AddSteering(CLI::App* parent, const char* name, const char* help,
                   int (*run)(const std::string&, const std::string&,
                              Session&)) {
    CLI::App* app = AddWithName(parent, name, help, [this, run] {
      return run(arguments_.name, arguments_.reason, session_);
    });
    app->add_option("--reason", arguments_.reason,
                    "Kept in the host's event and log")
        ->type_name("TEXT");
  }

  void AddNats() {
    CLI::App* app = app_.add_subcommand("nats", "Nodes of steward and ctrl");
    app->require_subcommand(1)->fallthrough();
    NatsArguments& nats = arguments_.nats;
    const auto add = [&](const char* name, const char* help,
                         int (*run)(const NatsArguments&, Session&)) {
      CLI::App* const command = Add(app, name, help, [this, run] {
        return run(arguments_.nats, session_);
      });
      command
          ->add_option("--source", nats.source,
                       "The node; needed if there are several")
          ->type_name("NAME");
      return command;
    };
    add("send", "Send messages, all or none", &RunNatsSend)
        ->add_option("file", nats.file,
                     "A list of messages, in YAML or JSON; - is standard input")
        ->required()
        ->type_name("FILE");
    add("undelivered", "What was given up", &RunNatsUndelivered);
    add("resend", "Send again what was given up", &RunNatsResend)
        ->add_option("number", nats.numbers, "As `undelivered` shows it")
        ->required()
        ->type_name("NUMBER");
    Add(app, "processes", "What a node takes",
        [this] { return RunNatsProcesses(arguments_.nats, session_); })
        ->add_option("source", nats.source,
                     "The node; needed if there are several")
        ->type_name("SOURCE");
    AddProcess(
        add("start", "Have a node take messages of a method", &RunNatsStart));
    add("stop", "Have it take them no more", &RunNatsStop)
        ->add_option("method", nats.method, "As `processes` shows it")
        ->required()
        ->type_name("METHOD");
  }

  void AddProcess(CLI::App* start) {
    NatsArguments& nats = arguments_.nats;
    start
        ->add_option("method", nats.method,
                     "Such as REQCliCommand; one of the configuration has its "
                     "settings there")
        ->required()
        ->type_name("METHOD");
    start
        ->add_option("--allow", nats.allowed_senders,
                     "Take messages of this node alone; repeatable")
        ->type_name("NODE")
        ->expected(1)
        ->take_all();
    start->add_flag("--require-signature", nats.require_signature,
                    "Take what is signed alone");
    start->add_flag("--stop-on-error", nats.stop_on_error,
                    "End it when a handler fails");
    start->add_flag("--acknowledge-done", nats.acknowledge_done,
                    "Tell senders when handlers are done, not when it came");
  }

  void AddSubscriptions() {
    const Command list = [this] { return RunSubscriptionsList(session_); };
    CLI::App* app =
        Add(&app_, "subscriptions", "Named positions in the log", list);
    Add(app, "list", "All subscriptions (the default)", list);
    AddWithName(app, "get", "All about one subscription", [this] {
      return RunSubscriptionsGet(arguments_.name, session_);
    })->alias("show");
    CLI::App* create =
        AddWithName(app, "create", "Make a subscription", [this] {
          arguments_.create.name = arguments_.name;
          return RunSubscriptionsCreate(arguments_.create, session_);
        });
    AddFrom(create, &arguments_.create.start);
    AddFilter(create, &arguments_.create.settings.filter);
    AddSettingsOptions(create, &arguments_.create.settings);
    AddUpdateAndSeek(app);
    AddWithName(app, "delete", "Remove a subscription", [this] {
      return RunSubscriptionsDelete(arguments_.name, session_);
    });
    CLI::App* consume = AddWithName(
        app, "consume", "Print events, and acknowledge them", [this] {
          arguments_.consume.name = arguments_.name;
          return RunSubscriptionsConsume(arguments_.consume, session_);
        });
    consume->add_flag("--takeover", arguments_.consume.takeover,
                      "Detach another consumer");
    consume->add_flag("--auto-ack", arguments_.consume.auto_ack,
                      "Let the server acknowledge what it sends");
    AddFollow(consume, &arguments_.consume.follow);
  }

  void AddUpdateAndSeek(CLI::App* parent) {
    UpdateSubscriptionArguments& changed = arguments_.update;
    CLI::App* update =
        AddWithName(parent, "update", "Change a subscription", [this] {
          arguments_.update.name = arguments_.name;
          return RunSubscriptionsUpdate(arguments_.update, session_);
        });
    AddFilter(update, &changed.settings.filter);
    AddSettingsOptions(update, &changed.settings);
    update->add_flag("--all-events", changed.all_events,
                     "Remove the filter it has");
    update
        ->add_option("--etag", changed.etag,
                     "Only if it is still as weir subscriptions get showed it")
        ->type_name("ETAG");
    CLI::App* seek =
        AddWithName(parent, "seek", "Move what is acknowledged", [this] {
          arguments_.seek.name = arguments_.name;
          return RunSubscriptionsSeek(arguments_.seek, session_);
        });
    AddFrom(seek, &arguments_.seek.start);
    seek->get_option("--from")->required();
  }

  // What is wrong, and what to do about it.
  std::string Complaint(const CLI::ParseError& error) {
    const CLI::App* command = &app_;
    std::string path = "weir";
    while (!command->get_subcommands().empty()) {
      command = command->get_subcommands().front();
      absl::StrAppend(&path, " ", command->get_name());
    }
    std::string commands;
    for (const CLI::App* each :
         command->get_subcommands([](const CLI::App*) { return true; })) {
      absl::StrAppend(&commands, commands.empty() ? "; commands are " : ", ",
                      each->get_name());
    }
    const std::vector<std::string> unknown = app_.remaining();
    const std::string what =
        command == &app_ && !unknown.empty()
            ? absl::StrCat("\"", unknown.front(), "\" is no command")
            : std::string(error.what());
    return absl::StrCat(what, commands, "; see ", path, " --help");
  }

  Session& session_;
  Arguments arguments_;
  CLI::App app_{"A client for weir-host.", "weir"};
  Command run_;
};

}  // namespace

int RunCommandLine(std::vector<std::string> arguments, Session& session) {
  return Parser(session).Run(std::move(arguments));
}

}  // namespace weir::cli
