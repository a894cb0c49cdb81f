#include "host/config/load_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Environment AnEnvironment() { return {nullptr, "a-host", "weir"}; }

std::vector<std::string> Texts(const std::vector<ConfigError>& errors) {
  std::vector<std::string> texts;
  for (const ConfigError& error : errors) texts.push_back(ToString(error, "f"));
  return texts;
}

std::vector<std::string> FaultsOf(absl::string_view yaml) {
  return Texts(LoadConfigText(yaml, AnEnvironment()).errors);
}

std::string Source(absl::string_view rest) {
  return absl::StrCat("sources: [{id: a, ", rest, "}]");
}
std::string Plugin(absl::string_view rest) {
  return absl::StrCat("plugins: {plugins: [{id: p, ", rest, "}]}");
}

// A row of a table of files that have one fault, or none.
struct Case {
  const char* why;
  std::string yaml;
  const char* want;  // a part of the fault, or "" for none
};

void ExpectFaults(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::vector<std::string> faults = FaultsOf(c.yaml);
    if (*c.want == '\0') {
      EXPECT_THAT(faults, IsEmpty()) << c.why;
    } else {
      EXPECT_THAT(faults, ElementsAre(HasSubstr(c.want))) << c.why;
    }
  }
}

TEST(LoadConfigTest, RefusesWhatThisVersionDoesNotServe) {
  const std::string no_child = "needs plugins in child processes";
  ExpectFaults({
      {"one that listens", Source("frame_tcp: {listen: '127.0.0.1:1'}"), ""},
      {"one on several addresses",
       Source("frame_tcp: {listen: '127.0.0.1:1, [::1]:2'}"), ""},
      {"one on an address that is none",
       Source("frame_tcp: {listen: '127.0.0.1:1,a'}"), "\"127.0.0.1:1,a\""},
      {"one that is", Source("ris_live: {}"), ""},
      {"the other that is", Source("replay_file: {path: a}"), ""},
      {"one with a subscription",
       Source("nakadi: {url: 'http://a', subscription_id: b}"), ""},
      {"a node",
       Source("nats: {servers: [a], steward: {node: b, profile: S1, processes: "
              "[{method: c}]}}"),
       ""},
      {"a decoder", Source("ris_live: {}, decoder: {format: steward}"), ""},
      {"another", Source("ris_live: {}, decoder: {format: ris_live}"), ""},
      {"a sink", "sinks: [{id: a, file: {path: b}}]",
       "sinks[0].file: not in this version of weir; kinds that are: "
       "nakadi, frame_tcp, nats, steward."},
      {"one that is",
       "sinks: [{id: a, nakadi: {url: 'http://a', event_type: b.c}}]", ""},
      {"the other that is", "sinks: [{id: a, frame_tcp: {connect: 'a:1'}}]",
       ""},
      {"a journal", "broker: {mode: durable}", ""},
      {"a faster one", "broker: {mode: fast}", ""},
      {"none", "broker: {mode: memory}", ""},
      {"a setting of the journal", "broker: {retention_age: 1h}", ""},
      {"Publish", "broker: {publish_enabled: true}", ""},
      {"TLS", "listeners: [{tcp: '127.0.0.1:1', tls: {}}]",
       "listeners[0].tls: not in this version"},
      {"tokens", "security: {tokens_file: a}", "security.tokens_file"},
      {"roles by the way a call came in",
       "security: {loopback_role: viewer, anonymous_role: viewer}", ""},
      {"roles", "security: {certificate_roles: {a: viewer}}",
       "security.certificate_roles"},
      {"child processes", "plugins: {defaults: {isolation: child}}", ""},
      {"in process", Plugin("settings: {isolation: in_process}"), ""},
      {"a sandbox", Plugin("settings: {sandbox: none}"), ""},
      {"no limit of memory", Plugin("settings: {memory_limit_bytes: 0}"), ""},
      {"the watch", Plugin("settings: {on_change: notify}"), ""},
      {"metrics", "metrics: {listen: '127.0.0.1:1'}", "metrics.listen"},
      {"no metrics", "metrics: {listen: ''}", ""},
  });
}

TEST(LoadConfigTest, ChecksEachFieldForItself) {
  ExpectFaults({
      {"no id", "sources: [{ris_live: {}}]", "sources[0].id: required"},
      {"an id in capitals", "sources: [{id: RIS, ris_live: {}}]",
       "sources[0].id: \"RIS\": no id"},
      {"a digit first", "sources: [{id: 1a, ris_live: {}}]", "no id"},
      {"a dash last", "sources: [{id: a-, ris_live: {}}]", "no id"},
      {"63 characters",
       absl::StrCat("sources: [{id: ", std::string(63, 'a'),
                    ", ris_live: {}}]"),
       ""},
      {"64 characters",
       absl::StrCat("sources: [{id: ", std::string(64, 'a'),
                    ", ris_live: {}}]"),
       "no id"},
      {"no path", Source("replay_file: {}"),
       "sources[0].replay_file.path: required"},
      {"a sink without an event type",
       "sinks: [{id: a, nakadi: {url: 'http://a'}}]",
       "sinks[0].nakadi.event_type: required"},
      {"an event type that is no part of a URL",
       "sinks: [{id: a, nakadi: {url: 'http://a', event_type: 'a/../b'}}]",
       "sinks[0].nakadi.event_type: \"a/../b\": no event type"},
      {"a sink without a server", "sinks: [{id: a, nakadi: {event_type: b}}]",
       "sinks[0].nakadi.url: required"},
      {"no time for a frame",
       Source("frame_tcp: {listen: '127.0.0.1:1', frame_timeout: 0s}"),
       "sources[0].frame_tcp.frame_timeout: 0 is too short"},
      {"one who listens by TLS without a certificate",
       Source("frame_tcp: {listen: '127.0.0.1:1', tls: {ca_file: a}}"),
       "sources[0].frame_tcp.tls.cert_file: required"},
      {"one who listens by TLS and says whom it dials",
       Source("frame_tcp: {listen: '127.0.0.1:1', tls: {cert_file: a, "
              "key_file: b, server_name: c}}"),
       "sources[0].frame_tcp.tls.server_name: is for connections that"},
      {"one who dials by TLS with nothing of its own",
       Source("frame_tcp: {connect: '127.0.0.1:1', tls: {}}"), ""},
      {"a sink by TLS",
       "sinks: [{id: a, frame_tcp: {connect: 'a:1', tls: {server_name: b}}}]",
       ""},
      {"a key without a certificate",
       "sinks: [{id: a, frame_tcp: {connect: 'a:1', tls: {key_file: b}}}]",
       "sinks[0].frame_tcp.tls.cert_file: required"},
      {"a subject with what is not replaced",
       "sinks: [{id: a, nats: {servers: [a], subject: 'b.{kind}.{type}'}}]",
       "sinks[0].nats.subject: \"b.{kind}.{type}\": nothing is put in place of "
       "{kind}; what is: {type}, {source}, {node_id}"},
      {"a subject of which a brace is open",
       "sinks: [{id: a, nats: {servers: [a], subject: 'b.{type'}}]",
       "nothing is put in place of {type;"},
      {"a subject with a wildcard",
       "sinks: [{id: a, nats: {servers: [a], subject: 'b.>'}}]",
       "sinks[0].nats.subject: \"b.>\": nothing can be published to that"},
      {"a subject that is made of the event",
       "sinks: [{id: a, nats: {servers: [a], subject: "
       "'{node_id}.{source}.{type}'}}]",
       ""},
      {"a sink without a peer", "sinks: [{id: a, frame_tcp: {}}]",
       "sinks[0].frame_tcp.connect: required"},
      {"a peer without a port",
       "sinks: [{id: a, frame_tcp: {connect: 'host'}}]",
       "sinks[0].frame_tcp.connect: \"host\""},
      {"a peer's port that is free",
       "sinks: [{id: a, frame_tcp: {connect: 'host:0'}}]",
       "port 0 is nobody's"},
      {"messages that are longer than a number",
       "sinks: [{id: a, frame_tcp: {connect: 'a:1', max_message_size: 4GiB}}]",
       "sinks[0].frame_tcp.max_message_size: "},
      {"another scheme", Source("ris_live: {url: 'ftp://a/'}"),
       "sources[0].ris_live.url: \"ftp://a/\": no URL of HTTP"},
      {"no host", Source("ris_live: {url: 'http:///a'}"), "no host"},
      {"a port", Source("ris_live: {url: 'http://[::1]:80/a?b#c'}"), ""},
      {"no port", Source("ris_live: {url: 'http://[::1]'}"), ""},
      {"no such port", Source("ris_live: {url: 'http://a:99999'}"),
       "\"99999\" is no port"},
      {"a blank", Source("ris_live: {url: 'http://a/ b'}"), "holds a blank"},
      {"a password", Source("ris_live: {url: 'http://a:b@c/'}"),
       "holds a user"},
      {"more than all jitter", Source("ris_live: {}, backoff: {jitter: 1.5}"),
       "sources[0].backoff.jitter: 1.5 is too large; at most 1"},
      {"less than none", Source("ris_live: {}, backoff: {jitter: -0.1}"),
       "at least 0"},
      {"a shrinking delay", Source("ris_live: {}, backoff: {multiplier: 0.5}"),
       "sources[0].backoff.multiplier: 0.5 is too small; at least 1"},
      {"a negative delay", Source("ris_live: {}, backoff: {initial: -1s}"),
       "sources[0].backoff.initial: -1s is too short"},
      {"any negative duration", Source("ris_live: {}, staleness: -1s"),
       "sources[0].staleness: -1s is too small; at least 0"},
      {"off", Source("ris_live: {}, staleness: 0s"), ""},
      {"backwards", Source("replay_file: {path: a, speed: -1}"),
       "sources[0].replay_file.speed: -1 is too small; at least 0"},
      {"as fast as possible", Source("replay_file: {path: a, speed: 0}"), ""},
      {"no messages", Plugin("settings: {capacity: 0}"),
       "plugins.plugins[0].settings.capacity: 0 is too small; at least 1"},
      {"too long a drain", "plugins: {defaults: {drain_timeout: 61s}}",
       "plugins.defaults.drain_timeout: 1m1s is too large; at most 1m"},
      {"a folder in a module", Plugin("module: a/b.so"),
       "plugins.plugins[0].module: \"a/b.so\": holds a \"/\""},
      {"no module", Plugin("module: b"), "its name ends in .so"},
      {"no digest", Plugin("sha256: abc"), "no SHA-256"},
      {"no port", "listeners: [{tcp: localhost}]", "no port"},
      {"a long path",
       absl::StrCat("listeners: [{unix: /", std::string(107, 'a'), "}]"),
       "listeners[0].unix: \"/aaa"},
      {"as long as it can be",
       absl::StrCat("listeners: [{unix: /", std::string(106, 'a'), "}]"), ""},
      {"no mode", "listeners: [{unix: /a, mode: rw}]", "no file mode"},
  });
}

TEST(LoadConfigTest, ChecksWhatOneFieldSaysOfAnother) {
  ExpectFaults({
      {"two sources of a name",
       "sources: [{id: a, ris_live: {}},\n {id: a, ris_live: {}}]",
       "f:2: sources[1].id: \"a\" is there twice"},
      {"two plugins of a name", "plugins: {plugins: [{id: a}, {id: a}]}",
       "plugins.plugins[1].id: \"a\" is there twice"},
      {"a plugin of no name", "plugins: {plugins: [{disabled: true}]}",
       "plugins.plugins[0].id: required"},
      {"two sinks of a name",
       "sinks: [{id: a, nakadi: {url: 'http://a', event_type: b}},\n"
       " {id: a, nakadi: {url: 'http://a', event_type: b}}]",
       "f:2: sinks[1].id: \"a\" is there twice"},
      {"a sink that gives up as a whole",
       "sinks: [{id: a, nakadi: {url: 'http://a', event_type: b}, "
       "retry: {max_attempts: 3}}]",
       "sinks[0].retry.max_attempts: a sink waits for ever"},
      {"a wait that begins beyond its end",
       "sinks: [{id: a, nakadi: {url: 'http://a', event_type: b}, "
       "retry: {initial: 9s, max: 1s}}]",
       "sinks[0].retry.initial: "},
      {"a commit timeout that servers refuse",
       Source("nakadi: {url: 'http://a', subscription_id: b, "
              "commit_timeout: 61s}"),
       "nakadi.commit_timeout: 1m1s is too large; at most 1m"},
      {"a flush timeout of nothing",
       Source("nakadi: {url: 'http://a', subscription_id: b, "
              "flush_timeout: 0s}"),
       "nakadi.flush_timeout: 0 is too small; at least 1s"},
      {"a part of a second",
       Source("nakadi: {url: 'http://a', subscription_id: b, "
              "commit_timeout: 1500ms}"),
       "nakadi.commit_timeout: 1.5s: Nakadi takes whole seconds"},
      {"a subscription told twice",
       Source("nakadi: {url: 'http://a', subscription_id: b, "
              "owning_application: c, event_types: [d]}"),
       "exclude each other"},
      {"a source that says twice who it is",
       Source("nats: {servers: ['nats://a'], subjects: [b], "
              "credentials_file: c, nkey_seed_file: d}"),
       "nats.nkey_seed_file: nkey_seed_file and credentials_file exclude each "
       "other; keep one"},
      {"a source with an nkey",
       Source("nats: {servers: ['nats://a'], subjects: [b], "
              "nkey_seed_file: d}"),
       ""},
      {"a stream that says twice who reads it",
       Source("jetstream: {servers: ['nats://a'], stream: b, durable: c, "
              "credentials_file: d, nkey_seed_file: e}"),
       "jetstream.nkey_seed_file: nkey_seed_file and credentials_file"},
      {"a stream with all that there is",
       Source("jetstream: {servers: ['nats://a'], stream: b, durable: c-d, "
              "filter_subject: 'a.*.>', ack_incomplete: false, ack_wait: 1s, "
              "max_ack_pending: 1}"),
       ""},
      {"a stream without a consumer",
       Source("jetstream: {servers: ['nats://a'], stream: b}"),
       "jetstream.durable: required"},
      {"a consumer of no name",
       Source("jetstream: {servers: ['nats://a'], stream: b, durable: c.d}"),
       "jetstream.durable: \"c.d\": no name for JetStream"},
      {"a filter that is no subject",
       Source("jetstream: {servers: ['nats://a'], stream: b, durable: c, "
              "filter_subject: 'a.>.b'}"),
       "jetstream.filter_subject: \"a.>.b\": no subject"},
      {"a wait that takes messages away",
       Source("jetstream: {servers: ['nats://a'], stream: b, durable: c, "
              "ack_wait: 500ms}"),
       "jetstream.ack_wait: 500ms is too small; at least 1s"},
      {"a sink that says twice who it is",
       "sinks: [{id: a, nats: {servers: ['nats://a'], credentials_file: c, "
       "nkey_seed_file: d}}]",
       "sinks[0].nats.nkey_seed_file: nkey_seed_file and credentials_file "
       "exclude"},
      {"no subscription", Source("nakadi: {url: 'http://a'}"),
       "nakadi.subscription_id: required"},
      {"two tokens",
       Source("nakadi: {url: 'http://a', subscription_id: b, token_file: c, "
              "token_env: d}"),
       "nakadi.token_file: token_file, token_command and token_env exclude"},
      {"a window that no batch fits",
       Source("nakadi: {url: 'http://a', subscription_id: b, "
              "batch_limit: 11}"),
       "max_uncommitted_events: 10 is less than batch_limit, 11"},
      {"a partition twice",
       Source("nakadi: {url: 'http://a', subscription_id: b, partitions: "
              "[{event_type: c, partition: '0'}, {event_type: c, partition: "
              "'0'}]}"),
       "partitions[1]: \"0\" of c is there twice"},
      {"an unknown beginning",
       Source("nakadi: {url: 'http://a', owning_application: c, event_types: "
              "[d], read_from: middle}"),
       "read_from: \"middle\" is not known"},
      {"no kind", "sources: [{id: a}]",
       "sources[0]: has no kind; add one of ris_live, nakadi"},
      {"no address", "listeners: [{insecure: true}]",
       "listeners[0]: has no address; add one of tcp, unix"},
      {"all addresses", "listeners: [{tcp: '0.0.0.0:1'}]",
       "listeners[0].tcp: \"0.0.0.0:1\" can be reached from other machines"},
      {"all addresses of IPv6", "listeners: [{tcp: '[::]:1'}]",
       "can be reached from other machines"},
      {"a name", "listeners: [{tcp: 'example.net:1'}]",
       "can be reached from other machines"},
      {"and said so", "listeners: [{tcp: '0.0.0.0:1', insecure: true}]", ""},
      {"loopback", "listeners: [{tcp: '127.1.2.3:1'}]", ""},
      {"loopback of IPv6", "listeners: [{tcp: '[::1]:1'}]", ""},
      {"loopback by name", "listeners: [{tcp: 'localhost:1'}]", ""},
      {"the same twice", "listeners: [{unix: /a}, {unix: /a}]",
       "listeners[1].unix: \"/a\" is there twice"},
      {"any port twice", "listeners: [{tcp: '[::1]:0'}, {tcp: '[::1]:0'}]", ""},
      {"a mode for TCP", "listeners: [{tcp: '[::1]:0', mode: '0600'}]",
       "listeners[0].mode: is for Unix sockets"},
      {"beyond the maximum", Source("ris_live: {}, backoff: {initial: 10m}"),
       "sources[0].backoff.initial: 10m is longer than max, 5m20s"},
      {"a certificate alone", Source("ris_live: {tls: {cert_file: a}}"),
       "sources[0].ris_live.tls.key_file: required"},
      {"once and for ever",
       Source("replay_file: {path: a, loops: 2, endless: true}"),
       "replay_file.loops: 2 and endless exclude each other"},
      {"above the maximum",
       "plugins: {max_capacity: 10, plugins: [{id: a, settings: {capacity: "
       "11}}]}",
       "capacity: 11 is more than plugins.max_capacity, 10"},
      {"of nobody", Plugin("sources: [b]"),
       "plugins.plugins[0].sources[0]: \"b\" is the id of no source"},
      {"a payload for no queue",
       absl::StrCat(Source("ris_live: {}"),
                    "\nplugins: {max_queued_bytes: 1MiB}"),
       "max_payload_bytes: 2097152 is more than plugins.max_queued_bytes"},
  });
}

TEST(LoadConfigTest, ListsTheFaultsOfAllChecksInTheOrderOfTheFile) {
  EXPECT_THAT(FaultsOf("plugins:\n"
                       "  defaults: {emit_ring_evnts: 1}\n"
                       "broker: {ring_events: 0}\n"
                       "sources:\n"
                       "- id: a\n"
                       "- id: a\n"
                       "  ris_live: {}\n"
                       "  staleness: never\n"),
              ElementsAre(HasSubstr("f:2: plugins.defaults.emit_ring_evnts"),
                          HasSubstr("f:3: broker.ring_events: 0 is too small"),
                          HasSubstr("f:5: sources[0]: has no kind"),
                          HasSubstr("f:6: sources[1].id: \"a\" is there twice"),
                          HasSubstr("f:8: sources[1].staleness: \"never\"")));
}

TEST(LoadConfigTest, SaysOneThingOnce) {
  ExpectFaults({
      {"a misspelled kind is not also no kind",
       Source("replay_flie: {path: a}"), "unknown key \"replay_flie\""},
      {"a path of the wrong type is not also no path",
       Source("replay_file: {path: [a]}"), "path: is a list"},
      {"what is not served is not also wrong",
       "sinks: [{id: a, file: {path: ''}}]", "not in this version"},
  });
}

TEST(LoadConfigTest, FillsInTheDefaultsOfAnEmptyFile) {
  const ConfigResult result = LoadConfigText("", AnEnvironment());
  EXPECT_THAT(Texts(result.errors), IsEmpty());
  EXPECT_EQ(result.config.node_id(), "a-host");
  EXPECT_EQ(result.config.listeners_size(), 2);
}

// ------------------------------------------------------------------- files

std::string FilePath(absl::string_view name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

std::string Write(absl::string_view name, absl::string_view text) {
  const std::string path = FilePath(name);
  std::ofstream(path) << text;
  return path;
}

TEST(LoadConfigFileTest, ReadsTheFile) {
  const ConfigResult result =
      LoadConfigFile(Write("good.yaml", "node_id: b\n"), AnEnvironment());
  EXPECT_THAT(Texts(result.errors), IsEmpty());
  EXPECT_EQ(result.config.node_id(), "b");
}

TEST(LoadConfigFileTest, SaysWhyAFileCannotBeRead) {
  const auto fault = [](const std::string& path) {
    return absl::StrJoin(Texts(LoadConfigFile(path, AnEnvironment()).errors),
                         "\n");
  };
  EXPECT_EQ(fault(FilePath("none.yaml")), "f: no such file");
  EXPECT_THAT(fault(FilePath("")), HasSubstr("f: is a directory"));
  EXPECT_THAT(fault(Write("large.yaml", std::string(2 << 20, '#'))),
              HasSubstr("larger than 1048576 bytes"));
  if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string path = Write("secret.yaml", "");
  chmod(path.c_str(), 0);
  EXPECT_THAT(fault(path), HasSubstr("must not be read"));
}

class LoadPluginConfigTest : public testing::Test {
 protected:
  PluginConfigResult Load(absl::string_view yaml) {
    return LoadPluginConfig(Write("p.yaml", yaml), "origin-watch", host_,
                            AnEnvironment());
  }

  const v1::HostConfig host_ = LoadConfigText(R"(
sources: [{id: ris, ris_live: {}}]
plugins:
  defaults: {capacity: 1, emit_limit_per_second: 1, log_limit_per_second: 1}
  plugins:
    - id: origin-watch
      settings: {capacity: 3}
)",
                                              AnEnvironment())
                                   .config;
};

TEST_F(LoadPluginConfigTest, TakesEachSettingFromTheFirstPlaceThatHasIt) {
  const PluginConfigResult result = Load(
      "settings: {capacity: 2, emit_limit_per_second: 2}\n"
      "sources: [ris]\n"
      "config: {a: b}\n");
  EXPECT_THAT(Texts(result.errors), IsEmpty());
  const v1::PluginSettings& settings = result.config.settings();
  EXPECT_EQ(settings.capacity(), 3u);
  EXPECT_EQ(settings.emit_limit_per_second(), 2u);
  EXPECT_EQ(settings.log_limit_per_second(), 1u);
  EXPECT_EQ(settings.policy(), v1::QUEUE_POLICY_LINEAR_DROP);
  EXPECT_EQ(result.config.module(), "origin_watch.so");
  EXPECT_EQ(result.config.config().fields().at("a").string_value(), "b");
}

TEST_F(LoadPluginConfigTest, NeedsNoFile) {
  const PluginConfigResult result =
      LoadPluginConfig(FilePath("none.yaml"), "other", host_, AnEnvironment());
  EXPECT_THAT(Texts(result.errors), IsEmpty());
  EXPECT_EQ(result.config.settings().capacity(), 1u);
}

TEST_F(LoadPluginConfigTest, ListsAllFaults) {
  EXPECT_THAT(
      Texts(Load("id: x\n"
                 "settings: {redeliver_once: true, capacitty: 5}\n"
                 "sources: [nobody]\n"
                 "module: ../x.so\n")
                .errors),
      ElementsAre(HasSubstr("f:1: id: is given by the name"),
                  HasSubstr("f:2: settings.capacitty: unknown key"),
                  HasSubstr("f:3: sources[0]: \"nobody\" is the id"),
                  HasSubstr("f:4: module: \"../x.so\": holds a \"/\"")));
}

}  // namespace
}  // namespace weir
