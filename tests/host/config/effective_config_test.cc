#include "host/config/effective_config.h"

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "host/config/environment.h"
#include "host/config/field_text.h"
#include "host/config/walk_fields.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

using testing::HasSubstr;

v1::HostConfig Effective(const std::string& text_format) {
  v1::HostConfig written;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text_format, &written));
  return EffectiveConfig(written, {nullptr, "a-host", "weir"});
}

// Each value that is set, as text, by its path.
std::map<std::string, std::string> ValuesOf(const v1::HostConfig& config) {
  std::map<std::string, std::string> values;
  WalkFields(config, "", [&](const FieldAt& at) {
    if (IsWrittenAsText(at.field)) {
      values[at.path] = ToText(at.message, at.field, at.index);
    }
    return true;
  });
  return values;
}

// The comment of each field of a .proto file, by "Message.field": the lines
// right above it, and what stands behind it.
std::map<std::string, std::string> CommentsOf(const std::string& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::map<std::string, std::string> comments;
  std::string message;
  std::string above;
  std::string* last = nullptr;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t slashes = line.find("//");
    const std::string comment(slashes == line.npos ? ""
                                                   : line.substr(slashes + 2));
    const absl::string_view code = line.substr(0, slashes);
    const std::vector<std::string> words =
        absl::StrSplit(code, ' ', absl::SkipWhitespace());
    if (words.empty()) {
      // A comment far to the right goes on with that of the line above.
      if (last != nullptr && slashes != line.npos && slashes > 20) {
        absl::StrAppend(last, comment);
      } else {
        above = slashes == line.npos ? "" : absl::StrCat(above, comment);
        last = nullptr;
      }
      continue;
    }
    if (words[0] == "message") {
      message = words[1];
      last = &comments[message];
      *last = above;
    } else {
      for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i + 1] != "=") continue;
        last = &comments[absl::StrCat(message, ".", words[i])];
        *last = absl::StrCat(above, comment);
      }
    }
    above.clear();
  }
  return comments;
}

struct Row {
  const char* path;     // in the effective configuration
  const char* value;    // there
  const char* comment;  // whose: a field, or a message
  const char* says;     // in it
};

const std::vector<Row>& Rows() {
  static const auto* const rows = new std::vector<Row>{
      {"node_id", "a-host", "HostConfig.node_id", "Default: the host name"},
      {"state_dir", "/var/lib/weir", "HostConfig.state_dir",
       "Default \"/var/lib/weir\""},
      {"shutdown_timeout", "15s", "HostConfig.shutdown_timeout",
       "Default 15 s"},
      {"listeners[0].tcp", "127.0.0.1:50051", "HostConfig.listeners",
       "Default: tcp \"127.0.0.1:50051\" and unix"},
      {"listeners[1].unix", "/run/weir/weir.sock", "HostConfig.listeners",
       "\"/run/weir/weir.sock\""},
      {"listeners[1].mode", "0660", "Listener.mode", "default \"0660\""},
      {"broker.mode", "durable", "BrokerConfig.mode", "default DURABLE"},
      {"broker.journal_path", "/var/lib/weir/journal.db",
       "BrokerConfig.journal_path", "Default \"<state_dir>/journal.db\""},
      {"broker.sync", "normal", "BrokerConfig.sync", "default NORMAL"},
      {"broker.commit_interval", "5ms", "BrokerConfig.commit_interval",
       "Default 5 ms"},
      {"broker.retention_age", "24h", "BrokerConfig.retention_age",
       "Defaults 24 h, 2 GiB"},
      {"broker.retention_bytes", "2GiB", "BrokerConfig.retention_age",
       "24 h, 2 GiB"},
      {"broker.max_concurrent_replays", "4",
       "BrokerConfig.max_concurrent_replays", "Default 4"},
      {"broker.ring_bytes", "64MiB", "BrokerConfig.ring_bytes",
       "Defaults 64 MiB, 10 min, 131072 events"},
      {"broker.ring_age", "10m", "BrokerConfig.ring_bytes", "10 min"},
      {"broker.ring_events", "131072", "BrokerConfig.ring_bytes", "131072"},
      {"sources[0].staleness", "1m", "SourceConfig.staleness", "Default 60 s"},
      {"sources[0].max_lag", "1m", "SourceConfig.max_lag", "Default 60 s"},
      {"sources[0].max_payload_bytes", "2MiB", "SourceConfig.max_payload_bytes",
       "default 2 MiB"},
      {"sources[0].decoder.format", "ris_live", "SourceConfig.decoder",
       "ris_live RIS_LIVE"},
      {"sources[0].backoff.initial", "5s", "BackoffConfig.initial",
       "default 5 s"},
      {"sources[0].backoff.max", "5m20s", "BackoffConfig.max", "default 320 s"},
      {"sources[0].backoff.multiplier", "2", "BackoffConfig.multiplier",
       "default 2;"},
      {"sources[0].backoff.jitter", "0.5", "BackoffConfig.jitter",
       "default 0.5"},
      {"sources[0].backoff.reset_after", "30s", "BackoffConfig.reset_after",
       "Default 30 s"},
      {"sources[0].ris_live.url", "https://ris-live.ripe.net/v1/stream/",
       "RisLiveSource.url", "Default \"https://ris-live.ripe.net/v1/stream/\""},
      {"sources[0].ris_live.client", "weir-a-host", "RisLiveSource.client",
       "Default \"weir-<node_id>\""},
      {"sources[0].ris_live.read_timeout", "10s", "RisLiveSource.read_timeout",
       "Default 10 s"},
      {"sources[0].ris_live.connect_timeout", "10s",
       "RisLiveSource.connect_timeout", "Default 10 s"},
      {"sources[1].staleness", "1m", "SourceConfig.staleness", "Default 60 s"},
      {"sources[1].max_lag", "1m", "SourceConfig.max_lag", "Default 60 s"},
      {"sources[1].max_payload_bytes", "2MiB", "SourceConfig.max_payload_bytes",
       "default 2 MiB"},
      {"sources[1].backoff.initial", "1s", "BackoffConfig",
       "the others: 1 s, 60 s, 2."},
      {"sources[1].backoff.max", "1m", "BackoffConfig", "1 s, 60 s, 2."},
      {"sources[1].backoff.multiplier", "2", "BackoffConfig", "60 s, 2."},
      {"sources[1].backoff.jitter", "0.5", "BackoffConfig.jitter",
       "default 0.5"},
      {"sources[1].backoff.reset_after", "30s", "BackoffConfig.reset_after",
       "Default 30 s"},
      {"sources[1].replay_file.speed", "1", "ReplayFileSource.speed",
       "Default 1."},
      {"sources[1].replay_file.loops", "1", "ReplayFileSource.loops",
       "default 1"},
      {"plugins.folders[0]", "/usr/lib/weir/plugins", "PluginsConfig.folders",
       "Default \"/usr/lib/weir/plugins\", then \"/etc/weir/plugins\""},
      {"plugins.folders[1]", "/etc/weir/plugins", "PluginsConfig.folders",
       "then \"/etc/weir/plugins\""},
      {"plugins.autoload", "true", "PluginsConfig.autoload", "Default true"},
      {"plugins.allowed_owners[0]", "root", "PluginsConfig.allowed_owners",
       "Default: root and the host's own user"},
      {"plugins.allowed_owners[1]", "weir", "PluginsConfig.allowed_owners",
       "and the host's own user"},
      {"plugins.scan_interval", "5s", "PluginsConfig.scan_interval",
       "Default 5 s"},
      {"plugins.max_capacity", "1048576", "PluginsConfig.max_capacity",
       "Default 1048576"},
      {"plugins.max_queued_bytes", "1GiB", "PluginsConfig.max_queued_bytes",
       "Default 1 GiB"},
      {"plugins.defaults.isolation", "child", "PluginSettings.isolation",
       "Default CHILD"},
      {"plugins.defaults.sandbox", "strict", "PluginSettings.sandbox",
       "Default STRICT"},
      {"plugins.defaults.memory_limit_bytes", "512MiB",
       "PluginSettings.memory_limit_bytes", "Default 512 MiB"},
      {"plugins.defaults.emit_ring_events", "16384",
       "PluginSettings.emit_ring_events", "Default 16384"},
      {"plugins.defaults.hard_deadline", "10s", "PluginSettings.hard_deadline",
       "Default 10 s"},
      {"plugins.defaults.max_crashes", "5", "PluginSettings.max_crashes",
       "Default 5"},
      {"plugins.defaults.on_remove", "keep_running", "PluginSettings.on_remove",
       "Default KEEP_RUNNING"},
      {"plugins.defaults.on_change", "upgrade", "PluginSettings.on_change",
       "Default UPGRADE"},
      {"plugins.defaults.probation_time", "30s",
       "PluginSettings.probation_time", "Default 30 s, 10000"},
      {"plugins.defaults.probation_messages", "10000",
       "PluginSettings.probation_time", "Default 30 s, 10000"},
      {"plugins.defaults.policy", "linear_drop", "PluginSettings.policy",
       "Default LINEAR_DROP"},
      {"plugins.defaults.emit_limit_per_second", "20000",
       "PluginSettings.emit_limit_per_second", "Default 20000"},
      {"plugins.defaults.log_limit_per_second", "100",
       "PluginSettings.log_limit_per_second", "Default 100"},
      {"plugins.defaults.soft_deadline", "1s", "PluginSettings.soft_deadline",
       "Default 1 s"},
      {"plugins.defaults.create_deadline", "10s",
       "PluginSettings.create_deadline", "Default 10 s"},
      {"plugins.defaults.drain_timeout", "10s", "PluginSettings.drain_timeout",
       "Default 10 s"},
      {"logging.level", "info", "LoggingConfig.level", "default INFO"},
      {"logging.format", "text", "LoggingConfig.FORMAT_UNSPECIFIED", "= TEXT"},
      {"logging.stats_interval", "10s", "LoggingConfig.stats_interval",
       "Default 10 s"},
      {"logging.samples", "10", "LoggingConfig.samples", "Default 10"},
      {"limits.max_subscribers", "1024", "ApiLimits.max_subscribers",
       "Default 1024"},
      {"limits.max_subscriptions", "256", "ApiLimits.max_subscriptions",
       "Default 256"},
      {"limits.max_streams_per_connection", "256",
       "ApiLimits.max_streams_per_connection", "Default 256"},
      {"limits.filter_memory_bytes", "8MiB", "ApiLimits.filter_memory_bytes",
       "Default 8 MiB"},
      {"limits.write_stall_timeout", "1m", "ApiLimits.write_stall_timeout",
       "Default 60 s"},
      {"limits.grpc_memory_bytes", "256MiB", "ApiLimits.grpc_memory_bytes",
       "Default 256 MiB"},
      {"limits.publish_limit_per_second", "20000",
       "ApiLimits.publish_limit_per_second", "Default 20000"},
  };
  return *rows;
}

constexpr char kOneOfEach[] =
    "sources { id: 'a' ris_live {} }"
    "sources { id: 'b' replay_file { path: 'c' } }";

TEST(EffectiveConfigTest, AppliesTheDefaultsOfAStream) {
  const std::map<std::string, std::string> values =
      ValuesOf(Effective("sources { id: 'a' jetstream {} }"));
  std::map<std::string, std::string> comments =
      CommentsOf("proto/weir/v1/config.proto");
  const Row rows[] = {
      {"sources[0].decoder.format", "opaque", "SourceConfig.decoder",
       "jetstream OPAQUE"},
      {"sources[0].backoff.initial", "1s", "BackoffConfig",
       "the others: 1 s, 60 s, 2."},
      {"sources[0].jetstream.ack_incomplete", "true",
       "JetStreamSource.ack_incomplete", "Default true"},
      {"sources[0].jetstream.max_ack_pending", "1024",
       "JetStreamSource.max_ack_pending", "default 1024"},
      {"sources[0].jetstream.ack_wait", "30s", "JetStreamSource.ack_wait",
       "default 30 s"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(comments[row.comment], HasSubstr(row.says)) << row.comment;
    const auto found = values.find(row.path);
    ASSERT_NE(found, values.end()) << row.path << " is not filled in";
    EXPECT_EQ(found->second, row.value) << row.path;
  }
}

TEST(EffectiveConfigTest, AppliesTheDefaultsThatTheSchemaPromises) {
  std::map<std::string, std::string> comments =
      CommentsOf("proto/weir/v1/config.proto");
  comments.merge(CommentsOf("proto/weir/v1/plugin.proto"));
  const std::map<std::string, std::string> values =
      ValuesOf(Effective(kOneOfEach));
  for (const Row& row : Rows()) {
    EXPECT_THAT(comments[row.comment], HasSubstr(row.says)) << row.comment;
    const auto found = values.find(row.path);
    ASSERT_NE(found, values.end()) << row.path << " is not filled in";
    EXPECT_EQ(found->second, row.value) << row.path;
  }
}

TEST(EffectiveConfigTest, FillsInNothingThatTheSchemaDoesNotPromise) {
  // Written, and the only values that are served.
  std::set<std::string> known = {"sources[0].id", "sources[1].id",
                                 "sources[1].replay_file.path", "broker.mode"};
  for (const Row& row : Rows()) known.insert(row.path);
  for (const auto& [path, value] : ValuesOf(Effective(kOneOfEach))) {
    EXPECT_TRUE(known.contains(path)) << path << " is filled in: " << value;
  }
}

TEST(EffectiveConfigTest, LeavesWhatIsWritten) {
  const std::map<std::string, std::string> values =
      ValuesOf(Effective("node_id: 'b' listeners { unix: '/a' mode: '0600' }"
                         "broker { ring_events: 0 ring_age { seconds: 1 } }"
                         "plugins { autoload: false folders: 'x' }"));
  EXPECT_EQ(values.at("node_id"), "b");
  EXPECT_EQ(values.at("listeners[0].mode"), "0600");
  EXPECT_EQ(values.count("listeners[1].unix"), 0u);
  EXPECT_EQ(values.at("broker.ring_events"), "0");
  EXPECT_EQ(values.at("broker.ring_age"), "1s");
  EXPECT_EQ(values.at("plugins.autoload"), "false");
  EXPECT_EQ(values.count("plugins.folders[1]"), 0u);
}

TEST(EffectiveConfigTest, EveryLogButTheOneInMemoryHasAJournal) {
  for (const char* const mode : {"MODE_DURABLE", "MODE_FAST"}) {
    EXPECT_EQ(Effective(std::string("broker { mode: ") + mode + " }")
                  .broker()
                  .journal_path(),
              "/var/lib/weir/journal.db")
        << mode;
  }
  EXPECT_EQ(Effective("broker { mode: MODE_MEMORY }").broker().journal_path(),
            "");
}

TEST(EffectiveConfigTest, LeavesSinglePluginsToTheirOwnFiles) {
  const v1::HostConfig config =
      Effective("plugins { plugins { id: 'a' settings { capacity: 5 } } }");
  EXPECT_EQ(config.plugins().plugins(0).ShortDebugString(),
            "id: \"a\" settings { capacity: 5 }");
}

TEST(EffectiveConfigTest, ChangesNothingTheSecondTime) {
  const v1::HostConfig once = Effective(kOneOfEach);
  const v1::HostConfig twice =
      EffectiveConfig(once, {nullptr, "another-host", "another"});
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(once, twice));
}

}  // namespace
}  // namespace weir
