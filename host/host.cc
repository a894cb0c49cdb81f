#include "host/host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/broker/broker.h"
#include "host/broker/faults.h"
#include "host/broker/memory_log.h"
#include "host/broker/replay_id.h"
#include "host/broker/subscription_archive.h"
#include "host/broker/subscription_store.h"
#include "host/broker/writable_log.h"
#include "host/broker_from_config.h"
#include "host/decode/decode_stage.h"
#include "host/dispatch/auditor.h"
#include "host/dispatch/dispatcher.h"
#include "host/log/log.h"
#include "host/metrics/process_stats.h"
#include "host/outbox_from_config.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/shared_arena.h"
#include "host/pipeline/slab_pool.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/crash_page.h"
#include "host/plugin/folder_follower.h"
#include "host/plugin/folder_watch.h"
#include "host/plugin/host_crash.h"
#include "host/plugin/inotify_folder_events.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/module_checks.h"
#include "host/plugin/module_instance_maker.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_folder.h"
#include "host/plugin/plugin_set.h"
#include "host/plugin/poison_store.h"
#include "host/plugin/sandbox_support.h"
#include "host/plugin/state_store.h"
#include "host/plugins_from_config.h"
#include "host/rpc/event_service.h"
#include "host/rpc/plugin_service.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/proto_subscription_codec.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/publisher.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/rpc/source_service.h"
#include "host/rpc/stats_service.h"
#include "host/rpc/steward_service.h"
#include "host/rpc/subscription_service.h"
#include "host/server_from_config.h"
#include "host/sink/sink_set.h"
#include "host/sink_from_config.h"
#include "host/source/source_set.h"
#include "host/source/steward_node_set.h"
#include "host/source/steward_replies.h"
#include "host/source_from_config.h"
#include "host/status/annotate.h"
#include "host/steward/outbox_set.h"
#include "host/sync/interruptible_sleeper.h"
#include "host/ticker.h"
#include "host/version.h"

namespace weir {
namespace {

// How often conditions, staleness and books are looked at. A soft deadline of a
// plugin is a second or more.
constexpr absl::Duration kTick = absl::Milliseconds(250);

// What streams are told to wait before they come back to a host that stops.
constexpr absl::Duration kRetryAfter = absl::Seconds(2);

// The name of the journal's health.
constexpr char kJournalHealth[] = "weir.journal";

// What the transport may take of the shutdown: streams end at once, unless
// their reader does not read.
constexpr absl::Duration kServerGrace = absl::Seconds(1);
constexpr absl::Duration kServerLimit = absl::Seconds(3);

// What plugins may take of it to come to an end once their queues had their
// time: one that hangs is asked, killed, and given up, each within a second
// (HandlerSlot::kGrace).
constexpr absl::Duration kPluginsLimit = absl::Seconds(3);

// How long sinks may go on delivering what is in the log at the end; the rest
// is delivered after the next start.
constexpr absl::Duration kSinksLimit = absl::Seconds(2);

// The same of what steward nodes send.
constexpr absl::Duration kOutboxesLimit = absl::Seconds(1);

// Checks that `path` is a directory that the host can write to.
absl::Status CheckStateDir(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("state_dir ", path, ": ", std::strerror(errno),
                     "; make the directory, or set `state_dir` to another"));
  }
  if (!S_ISDIR(info.st_mode) || access(path.c_str(), W_OK | X_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "state_dir ", path, ": not a directory that this user can write to"));
  }
  return absl::OkStatus();
}

// What plugins need of the host, and what may be refused.
struct PluginParts {
  std::unique_ptr<StateStore> states;
  std::unique_ptr<PoisonStore> poisons;  // Null: it cannot be kept.
  std::unique_ptr<KeyValueStore> key_values;
  std::unique_ptr<CrashPage> crash_page;  // Null: it cannot be kept.
  std::unique_ptr<ModuleStore> modules;
  std::unique_ptr<ChildSupervisor> supervisor;
  std::unique_ptr<SharedArena> arena;  // Null: the system has no memory for it.
  std::string runner;
};

absl::StatusOr<PluginParts> MakePluginParts(const std::string& state_dir,
                                            std::string runner) {
  PluginParts parts;
  auto states = StateStore::Open(absl::StrCat(state_dir, "/plugins.db"));
  if (!states.ok()) return states.status();
  parts.states = *std::move(states);
  std::string moved_away;
  auto poisons =
      PoisonStore::Open(absl::StrCat(state_dir, "/poison.db"), &moved_away);
  if (!moved_away.empty()) LogError("host", moved_away);
  if (poisons.ok()) {
    parts.poisons = *std::move(poisons);
  } else {
    LogError("host",
             "poison messages are not kept: ", poisons.status().message());
  }
  parts.key_values = std::make_unique<KeyValueStore>(
      KeyValueOptions{.path = absl::StrCat(state_dir, "/plugin_kv.db")});
  if (!parts.key_values->status().ok()) {
    LogError("host", "plugins can keep nothing: ",
             parts.key_values->status().message());
  }
  auto crash_page = CrashPage::Open(absl::StrCat(state_dir, "/crash_page"));
  if (crash_page.ok()) {
    parts.crash_page = *std::move(crash_page);
  } else {
    LogError("host",
             "a plugin that takes this process down will not be named: ",
             crash_page.status().message());
  }
  auto modules = ModuleStore::Open(state_dir);
  if (!modules.ok()) return modules.status();
  parts.modules = *std::move(modules);
  auto supervisor = ChildSupervisor::Start();
  if (!supervisor.ok()) return supervisor.status();
  parts.supervisor = *std::move(supervisor);
  auto arena = SharedArena::Create();
  if (arena.ok()) {
    parts.arena = *std::move(arena);
  } else {
    LogWarning("host",
               "messages are copied to each child: ", arena.status().message());
  }
  if (const std::string lacks = WhatSandboxLacks(FindSandboxSupport());
      !lacks.empty()) {
    LogWarning("plugins", lacks);
  }
  parts.runner = std::move(runner);
  return parts;
}

// The event log, which is there before all that speaks of it.
struct LogParts {
  std::unique_ptr<const ProtoEventCodec> codec;
  std::unique_ptr<WritableLog> log;
  SubscriptionArchive* archive = nullptr;  // In `log`; null without a journal.
};

absl::StatusOr<LogParts> MakeLogParts(const v1::HostConfig& config,
                                      const std::string& new_epoch,
                                      const Clock& clock) {
  LogParts parts;
  parts.codec = std::make_unique<ProtoEventCodec>();
  auto journal = OpenJournal(config, new_epoch, *parts.codec, clock);
  if (!journal.ok()) return journal.status();
  if (*journal == nullptr) {
    parts.log = std::make_unique<MemoryLog>(MakeBrokerOptions(config).log,
                                            MemoryLogStart{.epoch = new_epoch},
                                            *parts.codec, clock);
    return parts;
  }
  parts.archive = journal->get();
  parts.log = *std::move(journal);
  return parts;
}

// As weir.v1.ServerInfo has it.
std::vector<std::string> Features(const v1::HostConfig& config) {
  std::vector<std::string> features = SandboxFeatures(FindSandboxSupport());
  if (config.broker().publish_enabled()) features.push_back("publish");
  if (config.broker().mode() != v1::BrokerConfig::MODE_MEMORY) {
    features.push_back("journal");
  }
  return features;
}

}  // namespace

// Members are declared in the order in which they need each other.
class Host::Rooms {
 public:
  Rooms(const v1::HostConfig& config, const Environment& environment,
        const Clock& clock, std::mt19937_64 random, LogParts log,
        PluginParts parts)
      : config_(config),
        environment_(environment),
        clock_(clock),
        random_(random),
        parts_(std::move(parts)),
        slabs_(parts_.arena.get()),
        codec_(std::move(log.codec)),
        broker_(MakeBrokerOptions(config), std::move(log.log), *codec_, clock),
        journaled_(log.archive != nullptr),
        subscriptions_(broker_, clock, config.limits().max_subscriptions(),
                       {log.archive, &subscription_codec_}),
        dispatcher_(types_, source_names_, slabs_, clock,
                    {.max_queued_bytes = config.plugins().max_queued_bytes()}),
        auditor_(dispatcher_, broker_, clock),
        replies_(outboxes_, source_names_),
        plugin_seed_(random_()),
        slot_settings_(config_, plugin_seed_),
        maker_({*parts_.modules, *parts_.supervisor, parts_.arena.get(), types_,
                source_names_, clock, parts_.runner,
                PluginOwners(config.plugins()), config.state_dir()}),
        plugins_({dispatcher_, maker_, broker_, types_, source_names_, clock,
                  &WriteLog,
                  [this](absl::string_view id, const DesiredState& state) {
                    return parts_.states->Write(id, state);
                  },
                  [this](absl::string_view id) { ForgetPlugin(id); },
                  parts_.poisons.get(), parts_.key_values.get(),
                  &slot_settings_, &replies_, &nodes_, &outboxes_},
                 [this](const std::string& id, const std::string& module) {
                   return FindPlugin(id, module);
                 }),
        follower_(
            plugins_, *parts_.modules, PluginOwners(config.plugins()),
            [this](const std::string& id, const std::string& module) {
              return FindPlugin(id, module);
            },
            [](absl::string_view text) { LogInfo("plugins", text); }),
        sources_(broker_, clock,
                 [] { return std::make_unique<InterruptibleSleeper>(); }),
        sinks_(clock),
        access_(MakeAccessOptions(config)),
        publisher_(config.broker().publish_enabled()
                       ? std::make_unique<Publisher>(
                             broker_, clock,
                             config.limits().publish_limit_per_second())
                       : nullptr),
        event_service_(broker_, access_, kVersion, publisher_.get()),
        subscription_service_(subscriptions_, access_, kVersion),
        source_service_(sources_, access_, clock),
        steward_service_(outboxes_, outboxes_, nodes_, access_, clock),
        module_checks_(parts_.runner, PluginOwners(config.plugins()),
                       *parts_.modules, clock,
                       [this](const std::string& module) {
                         return FindPlugin(PluginIdOf(module), module);
                       }),
        plugin_service_(plugins_, module_checks_, access_, clock),
        stats_service_(
            {broker_, sources_, plugins_, rpcs_, clock, &ReadProcessStats,
             [this] { return sinks_.Stats(); }},
            {.version = kVersion,
             .node_id = config.node_id(),
             .start_time = clock.Now(),
             .features = Features(config),
             .max_subscribers = config.limits().max_subscribers(),
             .max_subscriptions = config.limits().max_subscriptions(),
             .max_streams_per_connection =
                 config.limits().max_streams_per_connection(),
             .publish_limit_per_second =
                 config.broker().publish_enabled()
                     ? config.limits().publish_limit_per_second()
                     : 0,
             .streams = MakeStreamLimits(config),
             .filters = MakeFilterLimits(config)},
            access_) {
    InternWellKnownTypes(types_);
  }

  absl::Status Start() {
    broker_.Start();
    if (absl::Status status = StartOutboxes(); !status.ok()) return status;
    if (absl::Status status = StartSinks(); !status.ok()) return status;
    ServerOptions options = MakeServerOptions(config_);
    options.health_names = {v1::EventService::service_full_name(),
                            v1::SubscriptionService::service_full_name(),
                            v1::SourceService::service_full_name(),
                            v1::StewardService::service_full_name(),
                            v1::PluginService::service_full_name(),
                            v1::StatsService::service_full_name()};
    if (journaled_) options.health_names.emplace_back(kJournalHealth);
    auto server = Server::Start(
        options,
        {&event_service_, &subscription_service_, &source_service_,
         &steward_service_, &plugin_service_, &stats_service_},
        rpcs_);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    LogInfo("host", "serving on ", absl::StrJoin(server_->addresses(), ", "));
    Publish("weir.host.started", Severity::kInfo);
    for (const v1::SourceConfig& source : config_.sources()) AddSource(source);
    PluginPlan plan = PlanPlugins(config_, environment_, plugin_seed_);
    for (const std::string& notice : plan.notices) LogInfo("plugins", notice);
    auto desired = parts_.states->ReadAll();
    if (!desired.ok()) return desired.status();
    if (parts_.crash_page != nullptr) WatchForCrashes(*desired);
    plugins_.Load(std::move(plan.specs), *desired);
    if (config_.plugins().autoload()) WatchFolders(std::move(plan.contents));
    sources_.Start();
    StartTickers();
    return absl::OkStatus();
  }

  bool Stop() {
    if (stopped_) return clean_;
    stopped_ = true;
    const absl::Time begin = clock_.Now();
    const absl::Time end = begin + FromProto(config_.shutdown_timeout());
    const absl::Time unloaded =
        std::max(begin, end - kServerGrace - kServerLimit);
    const absl::Time drained =
        std::max(unloaded - kPluginsLimit, begin + (unloaded - begin) / 2);
    const auto until = [this](absl::Time time) {
      return std::max(absl::ZeroDuration(), time - clock_.Now());
    };
    // Whoever blocks in Dispatch would hold its source up: what is full stays
    // full only as long as the drain of the queues takes.
    Ticker unblock(absl::Seconds(1), [this, drained] {
      if (clock_.Now() > drained) dispatcher_.Close();
    });
    sources_.Stop();
    unblock.Stop();
    dispatcher_.Drain(until(drained));
    if (watch_ != nullptr) watch_->Stop();
    tick_.reset();
    stats_tick_.reset();
    const bool all_ended = plugins_.UnloadAll(until(drained), until(unloaded));
    dispatcher_.Close();
    auditor_.Finish();
    if (server_ != nullptr) Publish("weir.host.stopping", Severity::kInfo);
    sinks_.Stop(std::clamp(end - clock_.Now() - kServerGrace - kServerLimit,
                           absl::ZeroDuration(), kSinksLimit));
    outboxes_.Stop(std::clamp(end - clock_.Now() - kServerGrace - kServerLimit,
                              absl::ZeroDuration(), kOutboxesLimit));
    if (server_ != nullptr) {
      broker_.Drain(kRetryAfter);
      clean_ = server_->Stop(kServerGrace, kServerLimit);
    }
    subscriptions_.SaveMoved();
    broker_.Close();
    if (dispatcher_.abandoned() || !all_ended) clean_ = false;
    return clean_;
  }

  const std::vector<std::string>& addresses() const {
    return server_->addresses();
  }

 private:
  void Publish(std::string type, Severity severity) {
    const absl::Status status = broker_.Publish(
        {.type = std::move(type),
         .source = "host",
         .subject = config_.node_id(),
         .severity = severity,
         .json = absl::StrCat(R"({"version":")", kVersion, "\"}")});
    if (!status.ok()) LogError("host", status.message());
  }

  void AddSource(const v1::SourceConfig& config) {
    const std::string name = absl::StrCat("sources/", config.id());
    NodeOutbox* const outbox = outboxes_.FindNode(name);
    const SourceReport report = [this, name, outbox](absl::string_view text) {
      sources_.ReportUpstreamError(name, text);
      if (outbox != nullptr) outbox->ReportError(text);
    };
    auto stage = std::make_unique<DecodeStage>(
        DecodeStageOptions{.source = name,
                           .source_id = source_names_.Intern(config.id()),
                           .samples = config_.logging().samples()},
        MakeDecoder(config, types_),
        DecodeStage::Parts{.pool = slabs_,
                           .types = types_,
                           .last_seq = last_seq_,
                           .sink = dispatcher_,
                           .upstream_error = report,
                           .clock = clock_});
    SourceSpec spec;
    spec.options = MakeStreamerOptions(config, random_());
    spec.source = MakeSource(
        config, config_.state_dir(), clock_,
        [] { return std::make_unique<InterruptibleSleeper>(); }, nodes_, outbox,
        report);
    spec.sink = stage.get();
    DecodeStage* const counted = stage.get();
    spec.fill_stats = [counted, outbox](SourceStats* stats) {
      *stats = counted->Read();
      if (outbox != nullptr) stats->counters = outbox->counters();
    };
    spec.blocked_by = [this] { return BlockingPlugins(); };
    stages_.push_back(std::move(stage));
    const absl::Status status = sources_.Add(std::move(spec));
    if (!status.ok()) LogError(name, status.message());
  }

  // What waits in an outbox is sent from now on.
  absl::Status StartOutboxes() {
    for (int i = 0; i < config_.sources_size(); ++i) {
      auto outbox = OpenOutbox(config_.sources(i), config_.state_dir(),
                               random_(), clock_, broker_);
      if (!outbox.ok()) {
        return Annotate(outbox.status(), absl::StrCat("sources[", i, "]"));
      }
      if (*outbox != nullptr) outboxes_.Add(*std::move(outbox));
    }
    return absl::OkStatus();
  }

  // What is wrong with a filter is found here, since only the broker knows.
  absl::Status StartSinks() {
    for (int i = 0; i < config_.sinks_size(); ++i) {
      const v1::SinkConfig& sink = config_.sinks(i);
      auto made = MakeSink(sink, config_.state_dir(), config_.node_id(),
                           random_(), outboxes_, {broker_, broker_, clock_});
      Faults faults;
      broker_.FilterOf(made->options().filters, &faults);
      if (const absl::Status status = faults.ToStatus(); !status.ok()) {
        return Annotate(status, absl::StrCat("sinks[", i, "]"));
      }
      if (!sink.disabled()) sinks_.Add(std::move(made));
    }
    sinks_.Start();
    return absl::OkStatus();
  }

  // What took the process before this one down runs in a child from now on.
  void WatchForCrashes(std::map<std::string, DesiredState>& desired) {
    const std::optional<HostCrash> crash = parts_.crash_page->Take();
    if (crash.has_value()) {
      TellHostCrash(*crash, *parts_.modules, parts_.poisons.get(), broker_,
                    &WriteLog);
      const std::string id(absl::StripPrefix(crash->plugin, "plugins/"));
      desired[id].Demote({.sha256 = crash->sha256,
                          .reason = DescribeHostCrash(*crash),
                          .time = crash->time});
      const absl::Status kept = parts_.states->Write(id, desired[id]);
      if (!kept.ok()) LogError(crash->plugin, kept.message());
    }
#ifndef WEIR_SANITIZER  // Which has a handler of its own, and says more.
    parts_.crash_page->Watch(
        [](const void* rooms, size_t id) {
          return static_cast<const Rooms*>(rooms)->types_.Name(id);
        },
        [](const void* rooms, size_t id) {
          return static_cast<const Rooms*>(rooms)->source_names_.Name(id);
        },
        this);
#endif
  }

  void WatchFolders(PluginFolderContents known) {
    const v1::PluginsConfig& plugins = config_.plugins();
    follower_.Know(known);
    FolderWatchOptions options;
    options.folders.assign(plugins.folders().begin(), plugins.folders().end());
    options.owners = PluginOwners(plugins);
    options.scan_interval = FromProto(plugins.scan_interval());
    auto events = InotifyFolderEvents::Create(
        options.folders,
        [](absl::string_view text) { LogWarning("plugins", text); });
    if (!events.ok()) {
      LogError("plugins", "the plugin folders are not watched: ",
               events.status().message());
      return;
    }
    watch_ = std::make_unique<FolderWatch>(
        std::move(options), *std::move(events), clock_,
        [this](const PluginFolderContents& contents) {
          return follower_.Follow(contents);
        });
    watch_->Start(std::move(known));
  }

  // What the configuration and the folders say now.
  absl::StatusOr<PluginSlotSpec> FindPlugin(const std::string& id,
                                            const std::string& module) const {
    PluginPlan plan = PlanPlugins(config_, environment_, plugin_seed_, module);
    for (PluginSlotSpec& spec : plan.specs) {
      if (spec.id == id) return std::move(spec);
    }
    return absl::NotFoundError(absl::StrCat(
        module.empty() ? id : module, " is in none of the plugin folders (",
        absl::StrJoin(config_.plugins().folders(), ", "), "); put it there"));
  }

  void ForgetPlugin(absl::string_view id) {
    const absl::Status forgotten = parts_.states->Forget(id);
    if (!forgotten.ok()) {
      LogError(absl::StrCat("plugins/", id), forgotten.message());
    }
    if (parts_.poisons == nullptr) return;
    const std::string name = absl::StrCat("plugins/", id);
    const absl::Status poisons = parts_.poisons->Forget(name);
    if (!poisons.ok()) LogError(name, poisons.message());
  }

  void ShowJournal() {
    const bool works = !broker_.Journal().value_or(JournalStats()).degraded;
    if (std::exchange(journal_works_, works) != works) {
      server_->SetHealth(kJournalHealth, works);
    }
  }

  // "plugins/..." of those whose full queue holds a source up now.
  std::vector<std::string> BlockingPlugins() const {
    std::vector<std::string> names;
    for (const PluginStats& plugin : plugins_.Stats()) {
      if (plugin.handler.blocking) names.push_back(plugin.name);
    }
    return names;
  }

  void StartTickers() {
    tick_ = std::make_unique<Ticker>(kTick, [this] {
      auditor_.Check();
      plugins_.Tick();
      sources_.CheckHealth();
      subscriptions_.SaveMoved();
      if (journaled_) ShowJournal();
    });
    const absl::Duration interval =
        FromProto(config_.logging().stats_interval());
    if (interval <= absl::ZeroDuration()) return;
    stats_tick_ = std::make_unique<Ticker>(interval, [this] {
      sources_.LogStats();
      dispatcher_.LogStats();
    });
  }

  const v1::HostConfig config_;
  const Environment environment_;
  const Clock& clock_;
  std::mt19937_64 random_;  // Used while the host is made and started.

  const PluginParts parts_;
  NameTable types_;
  NameTable source_names_;
  SlabPool slabs_;
  std::atomic<uint64_t> last_seq_{0};
  const std::unique_ptr<const ProtoEventCodec> codec_;
  Broker broker_;
  const bool journaled_;
  const ProtoSubscriptionCodec subscription_codec_;
  SubscriptionStore subscriptions_;
  Dispatcher dispatcher_;
  Auditor auditor_;
  OutboxSet outboxes_;      // Before those who send.
  StewardNodeSet nodes_;    // Before those who start processes.
  StewardReplies replies_;  // The same.
  const uint64_t plugin_seed_;
  const ConfiguredSlotSettings slot_settings_;
  ModuleInstanceMaker maker_;
  PluginSet plugins_;
  FolderFollower follower_;
  std::unique_ptr<FolderWatch> watch_;
  std::vector<std::unique_ptr<DecodeStage>> stages_;
  SourceSet sources_;
  SinkSet sinks_;

  const Access access_;
  RpcCounter rpcs_;
  const std::unique_ptr<Publisher> publisher_;  // Null: nobody may publish.
  EventService event_service_;
  SubscriptionService subscription_service_;
  SourceService source_service_;
  StewardService steward_service_;
  ModuleChecks module_checks_;
  PluginService plugin_service_;
  StatsService stats_service_;
  std::unique_ptr<Server> server_;

  std::unique_ptr<Ticker> tick_;
  std::unique_ptr<Ticker> stats_tick_;
  bool journal_works_ = true;  // As the health service says; the ticker's.
  bool stopped_ = false;
  bool clean_ = true;
};

absl::StatusOr<std::unique_ptr<Host>> Host::Start(
    const v1::HostConfig& config, const Environment& environment,
    const Clock& clock, uint64_t seed, std::string runner) {
  if (absl::Status status = ConfigureLog(MakeLogOptions(config.logging()));
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckStateDir(config.state_dir()); !status.ok()) {
    return status;
  }
  auto parts = MakePluginParts(config.state_dir(), std::move(runner));
  if (!parts.ok()) return parts.status();
  std::mt19937_64 random(seed);
  auto log = MakeLogParts(config, MakeEpoch(random), clock);
  if (!log.ok()) return log.status();
  auto rooms = std::make_unique<Rooms>(config, environment, clock, random,
                                       *std::move(log), *std::move(parts));
  if (absl::Status status = rooms->Start(); !status.ok()) {
    rooms->Stop();
    return status;
  }
  return std::unique_ptr<Host>(new Host(std::move(rooms)));
}

Host::Host(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Host::~Host() {
  // What did not let go may still be used by a thread; it is given up.
  if (!rooms_->Stop()) (void)rooms_.release();
}

const std::vector<std::string>& Host::addresses() const {
  return rooms_->addresses();
}

bool Host::Stop() { return rooms_->Stop(); }

}  // namespace weir
