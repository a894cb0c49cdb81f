// The commands that ask once and print, in both of their forms.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/command_fixture.h"
#include "weir/v1/plugin.pb.h"
#include "weir/v1/source.pb.h"
#include "weir/v1/stats.pb.h"
#include "weir/v1/steward.pb.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CommandsTest : public CommandFixture {
 protected:
  CommandsTest() {
    FillStats();
    FillPlugins();
    FillSources();
  }

  void FillStats() {
    weir::v1::Stats& stats = server_.stats;
    stats.mutable_start_time()->set_seconds(1000);
    stats.mutable_snapshot_time()->set_seconds(1000 + 3 * 3600 + 12 * 60);
    stats.set_total_dropped(1200);
    stats.mutable_process()->set_rss_bytes(40055603);
    stats.mutable_process()->set_cpu_seconds(12.34);
    stats.mutable_process()->set_threads(14);
    stats.mutable_process()->set_open_fds(33);
    auto& sink = *stats.add_sinks();
    sink.set_name("sinks/findings");
    sink.set_delivered_events(12345);
    sink.set_delivered_bytes(4096);
    sink.set_lag_events(7);
    sink.set_failed_attempts(3);
    sink.set_rejected_events(1);
    sink.mutable_last_delivery_time()->set_seconds(1000);
    sink.set_last_error("no\x1b");
    auto& source = *stats.add_sources();
    source.set_name("sources/ris-live");
    source.set_messages(1234567);
    source.set_messages_per_second(4411.7);
    source.set_bits_per_second(12.34e6);
    source.set_parse_errors(3);
    source.mutable_lag()->set_nanos(250'000'000);
    source.mutable_connected_since()->set_seconds(1000);
    auto& counts = *stats.add_plugins();
    counts.set_name("plugins/counts");
    counts.set_offered(188155);
    counts.set_not_wanted(408);
    counts.set_dropped_policy(1200);
    counts.set_enqueued(186547);
    counts.set_processed_ok(183191);
    counts.set_queued(3355);
    counts.set_in_flight(1);
    counts.set_queue_length(3355);
    counts.set_queue_capacity(8192);
    counts.set_queue_high_water(8000);
    counts.mutable_handle()->set_p50_ns(850);
    counts.mutable_handle()->set_p99_ns(12000);
    stats.add_plugins()->set_name("plugins/origin-watch");
    stats.mutable_broker()->set_epoch("6f1c");
    stats.mutable_broker()->set_latest_seq(4711);
    stats.mutable_broker()->set_earliest_seq(1);
    stats.mutable_broker()->set_subscribers(1);
    auto& subscriber = *stats.add_subscribers();
    subscriber.set_stream_id("s-1");
    subscriber.set_cursor("6f1c-4700");
    subscriber.set_lag_events(11);
    subscriber.set_client("127.0.0.1:5 \x1b[2J");
  }

  void FillPlugins() {
    weir::v1::Plugin counts;
    counts.set_name("plugins/counts");
    counts.set_version("1.0.0");
    counts.set_state(weir::v1::Plugin::STATE_RUNNING);
    counts.set_generation(3);
    counts.set_effective_capacity(8192);
    counts.set_pid(4711);
    counts.set_restart_count(2);
    counts.mutable_settings()->set_policy(weir::v1::QUEUE_POLICY_BLOCK);
    counts.add_conditions(weir::v1::Plugin::CONDITION_HEALTHY);
    counts.add_wanted_message_types("UPDATE");
    weir::v1::Plugin broken;
    broken.set_name("plugins/broken");
    broken.set_state(weir::v1::Plugin::STATE_INVALID);
    broken.set_error("no symbol\n\x1b[31mweir_plugin_entry_v1");
    broken.mutable_next_restart_time()->set_seconds(43471);
    server_.plugins = {counts, broken};
  }

  void FillSources() {
    weir::v1::Source source;
    source.set_name("sources/ris-live");
    source.set_kind("ris_live");
    source.set_endpoint("https://ris-live.ripe.net/v1/stream/");
    source.set_state(weir::v1::Source::STATE_BACKING_OFF);
    source.mutable_last_message_time()->set_seconds(43471);
    source.mutable_last_error()->set_message("connection refused");
    server_.sources = {source};
  }
};

TEST_F(CommandsTest, ShowsOnePluginWithTheMetricsOfItsOwn) {
  weir::v1::PluginStats& counts = *server_.stats.mutable_plugins(0);
  counts.set_ticks(60);
  counts.set_kv_bytes(2048);
  counts.set_kv_last_error("kv.db: \x1b[2J");
  weir::v1::PluginMetric& seen = *counts.add_metrics();
  seen.set_name("weir_plugin_counts_seen_total");
  (*seen.mutable_labels())["family"] = "ipv6";
  seen.set_counter(4711);
  weir::v1::PluginMetric& size = *counts.add_metrics();
  size.set_name("weir_plugin_counts_size");
  size.mutable_histogram()->add_bounds(10);
  size.mutable_histogram()->add_counts(3);
  size.mutable_histogram()->add_counts(1);
  size.mutable_histogram()->set_sum(50);
  const std::string output = Output({"stats", "--plugin", "counts"});
  EXPECT_THAT(output, testing::HasSubstr(R"(
METRIC                         LABELS       VALUE
weir_plugin_counts_seen_total  family=ipv6  4,711
weir_plugin_counts_size        -            <=10: 3  more: 1  mean: 12.5
)"));
  EXPECT_THAT(output, testing::HasSubstr("ticks                 60\n"));
  EXPECT_THAT(output, testing::HasSubstr("keeps            2.0 KiB\n"));
  EXPECT_THAT(output, testing::HasSubstr("what it keeps: kv.db: \\x1b[2J\n"));
  EXPECT_THAT(output, testing::Not(testing::HasSubstr("origin-watch")));
}

TEST_F(CommandsTest, StatsShowsTheBooksLineByLine) {
  EXPECT_EQ(
      Output({"stats"}),
      R"(host  up 3h 12m  memory 38.2 MiB  cpu 12.3s  threads 14  files 33  messages dropped 1,200

SOURCE     MESSAGES     RATE        INPUT    LAG  BAD  RECONNECTS  OUTAGES  CONNECTED
ris-live  1,234,567  4,412/s  12.3 Mbit/s  250ms    3           0        0     3h 12m

PLUGIN                             counts    origin-watch
rate                                  0/s             0/s
offered                           188,155               0
  not wanted                          408               0
  dropped, policy                   1,200               0
  dropped, full                         0               0
  dropped, not running                  0               0
  dropped, quarantined                  0               0
  enqueued                        186,547               0
    ok                            183,191               0
    error                               0               0
    lost in crash                       0               0
    discarded                           0               0
    queued                          3,355               0
    in flight                           1               0
queue                   [####......] 41 %  [..........] -
  capacity                          8,192               0
  highest                           8,000               0
handling, p50                       850ns              0s
handling, p99                      12.0us              0s
events emitted                          0               0
crashes                                 0               0

log  epoch 6f1c  newest 4,711  oldest 1  appended 0 (0 B)  delivered 0  subscribers 1 (0 replaying)  gaps 0

SINK      DELIVERED    BYTES  LAG  FAILED  REJECTED  MISSED    LAST  LAST ERROR
findings     12,345  4.0 KiB    7       3         1       0  3h 12m  no\x1b

SUBSCRIBER  SUBSCRIPTION  CURSOR     BEHIND  DELIVERED  GAPS  CLIENT
s-1         -             6f1c-4700      11          0     0  127.0.0.1:5 \x1b[2J
)");
}

TEST_F(CommandsTest, StatsAsJsonKeepsTheNamesOfTheProto) {
  const std::string output = Output({"stats", "--json"});
  EXPECT_EQ(output.find('\n'), output.size() - 1);
  EXPECT_THAT(output,
              AllOf(StartsWith("{"), HasSubstr("\"dropped_policy\":\"1200\""),
                    HasSubstr("\"dropped_quarantined\":\"0\""),
                    HasSubstr("\"in_flight\":\"1\"")));
}

TEST_F(CommandsTest, StatsRepeatsItselfUntilItIsInterrupted) {
  interrupt_.Trigger();
  EXPECT_EQ(Run({"stats", "--watch", "--interval", "100ms"}), cli::kDone);
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandsTest, PluginsShowsStateQueueAndError) {
  const std::string table =
      R"(PLUGIN  STATE    VERSION  QUEUE  POLICY   PID  RESTARTS  NEXT RESTART         CONDITIONS  ERROR
counts  running  1.0.0    8,192  block   4711         2  -                    healthy
broken  invalid               0  -          -         0  1970-01-01 12:04:31              no symbol\n\x1b[31mweir_plugin_entry_v1
)";
  EXPECT_EQ(Output({"plugins"}), table);
  EXPECT_EQ(Output({"plugins", "list"}), table);
}

TEST_F(CommandsTest, PluginsReadsEveryPage) {
  server_.page_size = 1;
  EXPECT_THAT(Output({"plugins"}),
              AllOf(HasSubstr("counts"), HasSubstr("broken")));
}

TEST_F(CommandsTest, PluginsAsJsonIsOneObjectALine) {
  const std::string output = Output({"--json", "plugins"});
  EXPECT_THAT(output, AllOf(StartsWith("{\"name\":\"plugins/counts\""),
                            HasSubstr("\"state\":\"STATE_RUNNING\""),
                            HasSubstr("\n{\"name\":\"plugins/broken\"")));
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 2);
}

TEST_F(CommandsTest, PluginsGetTakesShortAndFullNames) {
  const std::string output = Output({"plugins", "get", "counts"});
  EXPECT_THAT(output, AllOf(HasSubstr("state            running\n"),
                            HasSubstr("wants            UPDATE\n")));
  EXPECT_EQ(Output({"plugins", "get", "plugins/counts"}), output);
}

TEST_F(CommandsTest, PluginsGetShowsTheChildAndItsRestarts) {
  EXPECT_THAT(Output({"plugins", "get", "counts"}),
              AllOf(HasSubstr("pid              4711\n"),
                    HasSubstr("restarts         2\n")));
  EXPECT_THAT(Output({"plugins", "get", "broken"}),
              HasSubstr("next restart     1970-01-01 12:04:31\n"));
}

TEST_F(CommandsTest, PluginsChangesOneAndSaysWhatBecameOfIt) {
  struct Case {
    std::vector<std::string> arguments;
    const char* call;
  };
  const std::string uuid = "11111111-1111-4111-8111-111111111111";
  for (const Case& c : std::vector<Case>{
           {{"load", "counts.so", "--plugin-id", "my-counts", "--sha256", "ab",
             "--start-paused", "--reason", "try"},
            "LoadPlugin plugin_id: \"my-counts\" module: \"counts.so\" sha256: "
            "\"ab\" start_paused: true reason: \"try\""},
           {{"unload", "counts", "--force", "--allow-missing",
             "--drain-timeout", "1500ms"},
            "UnloadPlugin name: \"plugins/counts\" drain_timeout { seconds: 1 "
            "nanos: 500000000 } force: true allow_missing: true"},
           {{"reload", "plugins/counts", "--etag", "e1", "--drain-timeout=0s"},
            "ReloadPlugin name: \"plugins/counts\" etag: \"e1\" drain_timeout "
            "{ "
            "}"},
           {{"upgrade", "counts", "--module", "v2.so", "--sha256", "ab",
             "--request-id", uuid},
            "UpgradePlugin name: \"plugins/counts\" module: \"v2.so\" sha256: "
            "\"ab\" request_id: \"11111111-1111-4111-8111-111111111111\""},
           {{"rollback", "counts", "--drain-timeout", "1m"},
            "RollbackPlugin name: \"plugins/counts\" drain_timeout { seconds: "
            "60 "
            "}"},
           {{"pause", "counts", "--reason", "maintenance"},
            "PausePlugin name: \"plugins/counts\" reason: \"maintenance\""},
           {{"resume", "counts"}, "ResumePlugin name: \"plugins/counts\""},
           {{"quarantine", "counts", "--reason", "leaks"},
            "QuarantinePlugin name: \"plugins/counts\" reason: \"leaks\""},
           {{"release", "counts"}, "ReleasePlugin name: \"plugins/counts\""},
       }) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.begin(), "plugins");
    EXPECT_EQ(Output(arguments), "plugins/counts: running, generation 3\n")
        << c.call;
    EXPECT_EQ(server_.plugin_calls().back(), c.call);
  }
}

TEST_F(CommandsTest, PluginsConfigureNamesWhatIsToChange) {
  const std::string file = absl::StrCat(testing::TempDir(), "/config.json");
  std::ofstream(file) << R"({"peers": [1, 2]})";
  struct Case {
    std::vector<std::string> arguments;
    std::vector<const char*> parts;
  };
  // Its two literals look like a missing comma within the list.
  const char* const set_paths =
      "update_mask { paths: \"config.n\" paths: \"config.t\" paths: "
      "\"config.b\" paths: \"config.e\" }";
  for (const Case& c : std::vector<Case>{
           {{"configure", "counts", "--set", "n=5", "--set", "t=-5-", "--set",
             "b=true", "--set", "e="},
            {"fields { key: \"n\" value { number_value: 5 } }",
             "fields { key: \"t\" value { string_value: \"-5-\" } }",
             "fields { key: \"b\" value { bool_value: true } }",
             "fields { key: \"e\" value { string_value: \"\" } }", set_paths}},
           {{"configure", "counts", "--set-json", "n=\"5\"", "--unset", "m"},
            {"fields { key: \"n\" value { string_value: \"5\" } }",
             "update_mask { paths: \"config.n\" paths: \"config.m\" }"}},
           {{"configure", "counts", "--file", file, "--validate-only"},
            {"fields { key: \"peers\" value { list_value { values { "
             "number_value: 1 }",
             "update_mask { paths: \"config\" }", "validate_only: true"}},
           {{"configure", "counts", "--setting", "capacity=4096", "--setting",
             "policy=block", "--setting", "hard_deadline=1500ms", "--setting",
             "memory_limit_bytes="},
            {"settings { policy: QUEUE_POLICY_BLOCK capacity: 4096 "
             "hard_deadline { seconds: 1 nanos: 500000000 } }",
             "paths: \"settings.memory_limit_bytes\" }"}},
           {{"configure", "counts", "--reset", "--reason", "as it was"},
            {"update_mask { paths: \"config\" paths: \"settings\" }",
             "reason: \"as it was\""}},
           {{"load", "counts.so", "--config", file, "--set", "n=5", "--setting",
             "isolation=in_process"},
            {"LoadPlugin module: \"counts.so\" config {",
             "fields { key: \"n\" value { number_value: 5 } }",
             "settings { isolation: ISOLATION_IN_PROCESS }"}},
           {{"upgrade", "counts", "--config", file},
            {"UpgradePlugin name: \"plugins/counts\" config {"}},
       }) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.begin(), "plugins");
    EXPECT_THAT(Output(arguments),
                StartsWith("plugins/counts: running, generation 3"));
    for (const char* part : c.parts) {
      EXPECT_THAT(server_.plugin_calls().back(), HasSubstr(part));
    }
  }
}

TEST_F(CommandsTest, PluginsConfigureSaysWhatIsWrongWithTheCommandLine) {
  struct Case {
    std::vector<std::string> arguments;
    const char* complaint;
  };
  for (const Case& c : std::vector<Case>{
           {{}, "nothing to change; give --set"},
           {{"--set", "n"}, "--set: \"n\" is not KEY=VALUE"},
           {{"--set-json", "n=[1"}, "has no JSON behind the ="},
           {{"--setting", "colour=red"}, "is no setting"},
           {{"--setting", "capacity=many"}, "is no whole number"},
           {{"--setting", "policy=magic"}, "is none of QUEUE_POLICY_LINEAR"},
           {{"--setting", "hard_deadline=5"}, "is no duration"},
           {{"--file", "/nonexistent"}, "/nonexistent: cannot be read"},
           {{"--reset", "--set", "n=5"}, "--reset takes back all"},
       }) {
    std::vector<std::string> arguments = {"plugins", "configure", "counts"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    EXPECT_EQ(Run(arguments), cli::kUsageError) << c.complaint;
    EXPECT_THAT(err_.str(), HasSubstr(c.complaint));
  }
  EXPECT_THAT(server_.plugin_calls(), IsEmpty());
}

TEST_F(CommandsTest, PluginsShowsTheConfigurationAndItsSchema) {
  weir::v1::Plugin& counts = server_.plugins[0];
  (*counts.mutable_config()->mutable_fields())["n"].set_number_value(5);
  counts.set_config_revision(7);
  counts.set_config_schema("{\n \"a\": \"\x1b[31m\"}");
  EXPECT_THAT(Output({"plugins", "get", "counts"}),
              AllOf(HasSubstr("config           {\"n\":5}\n"),
                    HasSubstr("revision         7\n")));
  EXPECT_EQ(Output({"plugins", "schema", "counts"}),
            "{\n \"a\": \"\\x1b[31m\"}\n");
  EXPECT_EQ(Run({"plugins", "schema", "broken"}), cli::kRefused);
}

TEST_F(CommandsTest, PluginsTellsADryRunFromTheRealThing) {
  EXPECT_EQ(Output({"plugins", "pause", "counts", "--validate-only"}),
            "plugins/counts: running, generation 3; nothing was changed\n");
  EXPECT_THAT(server_.plugin_calls().back(), HasSubstr("validate_only: true"));
}

TEST_F(CommandsTest, PluginsTellsWhatWasDiscardedAndWhatIsGone) {
  server_.discarded_messages = 1234;
  EXPECT_EQ(
      Output({"plugins", "unload", "counts"}),
      "plugins/counts: running, generation 3, 1,234 messages discarded\n");
  EXPECT_EQ(Output({"plugins", "unload", "counts", "--remove"}),
            "plugins/counts: gone, 1,234 messages discarded\n");
}

TEST_F(CommandsTest, PluginsTellsTheErrorOfOneThatWasChangedWithoutItsCodes) {
  EXPECT_EQ(Output({"plugins", "release", "broken"}),
            "plugins/broken: invalid, generation 0, no "
            "symbol\\n\\x1b[31mweir_plugin_entry_v1\n");
}

TEST_F(CommandsTest, PluginsResetsTheStatisticsOfOneOrAll) {
  EXPECT_EQ(Output({"plugins", "reset-stats", "counts"}),
            "plugins/counts: statistics begin anew\n");
  EXPECT_EQ(Output({"plugins", "reset-stats", "-"}),
            "plugins/-: statistics begin anew\n");
  EXPECT_THAT(server_.plugin_calls(),
              ElementsAre("ResetPluginStats name: \"plugins/counts\"",
                          "ResetPluginStats name: \"plugins/-\""));
}

TEST_F(CommandsTest, PluginsChangesAsJson) {
  EXPECT_THAT(Output({"plugins", "pause", "counts", "--json"}),
              StartsWith("{\"name\":\"plugins/counts\""));
  EXPECT_THAT(Output({"plugins", "unload", "counts", "--json"}),
              StartsWith("{\"discarded_messages\":\"0\",\"plugin\":{"));
  EXPECT_EQ(Output({"plugins", "reset-stats", "counts", "--json"}),
            "{\"reset_time\":\"1970-01-01T00:01:40Z\"}\n");
}

TEST_F(CommandsTest, AnInterruptEndsTheWaitForAChange) {
  interrupt_.Trigger();
  EXPECT_EQ(Run({"plugins", "reload", "counts"}), cli::kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("CANCELLED"));
}

TEST_F(CommandsTest, SourcesShowsStateAndLastError) {
  EXPECT_EQ(
      Output({"sources"}),
      R"(SOURCE    KIND      STATE        LAST MESSAGE         ENDPOINT                              LAST ERROR
ris-live  ris_live  backing off  1970-01-01 12:04:31  https://ris-live.ripe.net/v1/stream/  connection refused
)");
}

TEST_F(CommandsTest, SourcesAsJsonIsOneObjectALine) {
  EXPECT_THAT(Output({"sources", "--json"}),
              AllOf(StartsWith("{\"name\":\"sources/ris-live\""),
                    HasSubstr("\"state\":\"STATE_BACKING_OFF\""),
                    HasSubstr("\"last_message_time\":")));
}

TEST_F(CommandsTest, SourcesSteersAndShowsWhatBecameOfIt) {
  EXPECT_THAT(
      Output({"sources", "pause", "ris-live", "--reason", "maintenance"}),
      HasSubstr("state              paused\n"));
  Output({"sources", "resume", "sources/ris-live"});
  Output({"sources", "reconnect", "ris-live"});
  EXPECT_THAT(
      server_.source_calls(),
      ElementsAre("pause sources/ris-live maintenance",
                  "resume sources/ris-live ", "reconnect sources/ris-live "));
}

TEST_F(CommandsTest, StartsAndStopsProcessesOfNodes) {
  weir::v1::StewardProcessStatus ping;
  ping.set_id(1);
  ping.set_method("REQPing");
  ping.set_subject("central.REQPing.EventACK");
  ping.set_state(weir::v1::StewardProcessStatus::STATE_RUNNING);
  ping.mutable_state_time()->set_seconds(86400);
  ping.set_messages(12);
  weir::v1::StewardProcessStatus test = ping;
  test.set_id(22);
  test.set_method("REQTest");
  test.set_subject("central.REQTest.EventACK");
  test.set_state(weir::v1::StewardProcessStatus::STATE_ENDED);
  test.set_why("a handler failed");
  test.add_allowed_senders("node1");
  test.add_allowed_senders("node2");
  server_.processes = {ping, test};
  server_.page_size = 1;
  EXPECT_EQ(Output({"nats", "processes"}),
            "ID  SUBJECT                   STATE    SINCE                "
            "MESSAGES  FROM         WHY\n"
            " 1  central.REQPing.EventACK  running  1970-01-02 00:00:00  "
            "      12  all\n"
            "22  central.REQTest.EventACK  ended    1970-01-02 00:00:00  "
            "      12  node1,node2  a handler failed\n");
  EXPECT_THAT(Output({"nats", "processes", "central", "--json"}),
              AllOf(HasSubstr("{\"id\":\"1\""), HasSubstr("\"STATE_ENDED\"")));
  EXPECT_EQ(Output({"nats", "start", "REQPing"}),
            "process 1, central.REQPing.EventACK: running\n");
  Output({"nats", "start", "REQTest", "--allow", "node1", "--allow", "node2",
          "--require-signature", "--stop-on-error", "--acknowledge-done",
          "--source", "central"});
  EXPECT_THAT(Output({"nats", "stop", "REQTest", "--source", "sources/central",
                      "--json"}),
              HasSubstr("\"method\":\"REQTest\""));
  EXPECT_EQ(Run({"nats", "stop", "REQNone"}), cli::kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("PROCESS_NOT_FOUND"));
  EXPECT_EQ(Run({"nats", "stop"}), cli::kUsageError);
  EXPECT_THAT(
      server_.steward_calls(),
      ElementsAre(
          "ListProcesses ", "ListProcesses page_token: \"1\"",
          "ListProcesses source: \"sources/central\"",
          "ListProcesses source: \"sources/central\" page_token: \"1\"",
          "StartProcess method: \"REQPing\"",
          "StartProcess source: \"sources/central\" method: \"REQTest\" "
          "allowed_senders: \"node1\" allowed_senders: \"node2\" "
          "require_signature: true stop_on_error: true acknowledge_done: true",
          "StopProcess source: \"sources/central\" method: \"REQTest\"",
          "StopProcess method: \"REQNone\""));
}

TEST_F(CommandsTest, LogAndInfoShowWhatIsKnown) {
  server_.Append();
  server_.server_info.set_version("1.2.3");
  EXPECT_EQ(Output({"log"}),
            "epoch   6f1c\noldest  6f1c-1\nnewest  6f1c-1\nevents  1\n");
  EXPECT_EQ(Output({"info"}), "version     1.2.3\nplugin ABI  0\n");
  EXPECT_THAT(Output({"info", "--json"}), HasSubstr("\"version\":\"1.2.3\""));
}

TEST_F(CommandsTest, SubscriptionsAreMadeShownAndRemoved) {
  Output({"subscriptions", "create", "noc", "--from", "earliest", "--type",
          "hijack.*", "--min-severity", "warning"});
  EXPECT_EQ(server_.subscriptions()[0].filters(0).types(0), "hijack.*");
  EXPECT_EQ(Output({"subscriptions"}),
            "SUBSCRIPTION  STATE  ACKNOWLEDGED  WAITING  UNACKED  GAPS  "
            "CONSUMER\nnoc           idle   6f1c-0              0        0     "
            "0\n");
  EXPECT_THAT(Output({"subscriptions", "get", "noc"}), HasSubstr("6f1c-0"));
  EXPECT_EQ(Output({"subscriptions", "delete", "noc"}),
            "deleted subscriptions/noc\n");
  EXPECT_THAT(server_.subscriptions(), IsEmpty());
}

TEST_F(CommandsTest, SubscriptionsAreChangedInWhatIsNamed) {
  Output({"subscriptions", "create", "noc", "--type", "hijack.*", "--label",
          "team=noc", "--idle-ttl", "12h", "--gap-policy", "fail"});
  weir::v1::Subscription made = server_.subscriptions()[0];
  EXPECT_EQ(made.labels().at("team"), "noc");
  EXPECT_EQ(made.idle_ttl().seconds(), 12 * 3600);
  EXPECT_EQ(made.gap_policy(), weir::v1::GAP_POLICY_FAIL);

  Output({"subscriptions", "update", "noc", "--max-unacked", "5",
          "--display-name", "the NOC"});
  weir::v1::Subscription changed = server_.subscriptions()[0];
  EXPECT_EQ(changed.max_unacked_events(), 5u);
  EXPECT_EQ(changed.display_name(), "the NOC");
  EXPECT_EQ(changed.filters(0).types(0), "hijack.*");
  EXPECT_EQ(changed.labels().at("team"), "noc");

  Output({"subscriptions", "update", "noc", "--all-events"});
  EXPECT_EQ(server_.subscriptions()[0].filters_size(), 0);
  EXPECT_EQ(server_.subscriptions()[0].max_unacked_events(), 5u);
}

TEST_F(CommandsTest, AnUpdateOfNothingIsNotOneOfEverything) {
  Output({"subscriptions", "create", "noc", "--max-unacked", "7"});
  EXPECT_EQ(Run({"subscriptions", "update", "noc"}), cli::kUsageError);
  EXPECT_THAT(err_.str(), HasSubstr("nothing to change"));
  EXPECT_EQ(server_.subscriptions()[0].max_unacked_events(), 7u);
}

TEST_F(CommandsTest, SubscriptionsAreMoved) {
  server_.Append();
  server_.Append();
  Output({"subscriptions", "create", "noc", "--from", "earliest"});
  EXPECT_THAT(Output({"subscriptions", "seek", "noc", "--from", "latest"}),
              HasSubstr("6f1c-2"));
  EXPECT_EQ(server_.subscriptions()[0].ack_cursor(), "6f1c-2");
  EXPECT_EQ(Run({"subscriptions", "seek", "noc"}), cli::kUsageError);
}

TEST_F(CommandsTest, RefusesSettingsThatCannotBe) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--gap-policy", "ignore"},
                                             {"--idle-ttl", "soon"},
                                             {"--label", "novalue"}}) {
    std::vector<std::string> arguments = {"subscriptions", "create", "noc"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(Run(arguments), cli::kUsageError) << wrong[0];
    EXPECT_THAT(err_.str(), HasSubstr(wrong[1]));
  }
  EXPECT_THAT(server_.subscriptions(), IsEmpty());
}

TEST_F(CommandsTest, SaysWhatIsNotThereAndWhereToLook) {
  EXPECT_EQ(Run({"plugins", "get", "x"}), cli::kRefused);
  EXPECT_EQ(err_.str(),
            "weir: NOT_FOUND: plugins/x is not there (PLUGIN_NOT_FOUND); weir "
            "plugins list shows what there is\n");
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CommandsTest, SaysThatNothingListensAndTheCure) {
  const std::string address = "unix:///nowhere/weir.sock";
  for (const char* command :
       {"stats", "watch", "plugins", "sources", "log", "info"}) {
    EXPECT_EQ(RunAt(address, {command}), cli::kRefused);
    EXPECT_EQ(err_.str(), "weir: cannot connect to " + address +
                              ": nothing listens there; start weir-host, or "
                              "name another address with --server\n");
  }
}

TEST_F(CommandsTest, NamesTheOptionAndItsValuesInAUsageError) {
  struct Case {
    const char* why;
    std::vector<std::string> arguments;
    std::vector<std::string> want;
  };
  for (const Case& c : std::vector<Case>{
           {"no command", {}, {"stats, watch, plugins"}},
           {"an unknown command", {"foo"}, {"\"foo\"", "stats, watch"}},
           {"an unknown command of a group",
            {"plugins", "foo"},
            {"foo", "list, get"}},
           {"an unknown option", {"stats", "--fast"}, {"--fast"}},
           {"a severity that there is not",
            {"watch", "--min-severity", "bad"},
            {"--min-severity", "\"bad\"", "notice, warning, error"}},
           {"a match that there is not",
            {"watch", "--prefix-match", "bad"},
            {"--prefix-match", "exact, more-specific"}},
           {"a position that there is not",
            {"watch", "--from", "now"},
            {"--from", "\"now\"", "latest, earliest, tail=N"}},
           {"an AS number that is none",
            {"watch", "--asn", "AS1"},
            {"--asn", "AS1", "4294967295"}},
           {"an interval below the server's",
            {"stats", "--interval", "10ms"},
            {"--interval", "10ms", "100ms"}},
           {"a path that no socket address holds",
            {"stats", "--server", "unix:///" + std::string(107, 'a')},
            {"--server", "108 bytes", "107"}},
           {"no name", {"plugins", "get"}, {"name is required"}},
           {"no module", {"plugins", "load"}, {"module is required"}},
           {"a drain of more than a minute",
            {"plugins", "unload", "counts", "--drain-timeout", "61s"},
            {"--drain-timeout", "\"61s\"", "0s to 60s"}},
           {"an option of another command",
            {"plugins", "pause", "counts", "--force"},
            {"--force"}},
           {"terminal codes in an argument", {"\x1b[2J"}, {"\\x1b[2J"}},
       }) {
    EXPECT_EQ(Run(c.arguments), cli::kUsageError) << c.why;
    for (const std::string& want : c.want) {
      EXPECT_THAT(err_.str(), HasSubstr(want)) << c.why;
    }
    EXPECT_THAT(out_.str(), IsEmpty()) << c.why;
  }
}

TEST_F(CommandsTest, PrintsItsVersionAndItsHelp) {
  EXPECT_EQ(Output({"--version"}), "weir 0.1.0\n");
  EXPECT_THAT(Output({"watch", "--help"}), HasSubstr("--cursor-file"));
  EXPECT_THAT(Output({"plugins", "--help"}),
              AllOf(HasSubstr("load"), HasSubstr("quarantine"),
                    HasSubstr("reset-stats")));
  EXPECT_THAT(Output({"plugins", "upgrade", "--help"}),
              AllOf(HasSubstr("--module"), HasSubstr("--sha256"),
                    HasSubstr("--drain-timeout"), HasSubstr("--etag")));
}

}  // namespace
}  // namespace weir
