#include "host/config/effective_config.h"

#include <cassert>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "host/config/field_text.h"

namespace weir {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using v1::HostConfig;

struct Default {
  absl::string_view field;  // its full name, without "weir.v1."
  absl::string_view text;   // as in the file
};

// The defaults of config.proto and plugin.proto that hold wherever the field
// stands. A test compares them with the comments there.
constexpr Default kDefaults[] = {
    {"HostConfig.state_dir", "/var/lib/weir"},
    {"HostConfig.shutdown_timeout", "15s"},
    {"BrokerConfig.mode", "durable"},
    {"BrokerConfig.sync", "normal"},
    {"BrokerConfig.commit_interval", "5ms"},
    {"BrokerConfig.retention_age", "24h"},
    {"BrokerConfig.retention_bytes", "2GiB"},
    {"BrokerConfig.max_concurrent_replays", "4"},
    {"BrokerConfig.ring_bytes", "64MiB"},
    {"BrokerConfig.ring_age", "10m"},
    {"BrokerConfig.ring_events", "131072"},
    {"SourceConfig.staleness", "60s"},
    {"SourceConfig.max_lag", "60s"},
    {"SourceConfig.max_payload_bytes", "2MiB"},
    {"RisLiveSource.url", "https://ris-live.ripe.net/v1/stream/"},
    {"RisLiveSource.read_timeout", "10s"},
    {"RisLiveSource.connect_timeout", "10s"},
    {"NakadiSource.max_uncommitted_events", "10"},
    {"NakadiSource.commit_max_elapsed", "30s"},
    {"NakadiSource.commit_retry", "true"},
    {"NakadiSource.commit_incomplete", "true"},
    {"NakadiSource.connect_timeout", "30s"},
    {"NakadiSource.gzip", "true"},
    {"NakadiSink.batch_limit", "100"},
    {"NatsSink.subject", "weir.{node_id}.{type}"},
    {"StewardSink.directory", "weir"},
    {"StewardSink.file_name", "events.log"},
    {"StewardSink.ack_timeout", "10s"},
    {"StewardSink.retries", "3"},
    {"NatsSource.pending_limit", "65536"},
    {"StewardSending.hello_interval", "30s"},
    {"StewardSending.compression", "zstd"},
    {"StewardSending.max_bytes", "256MiB"},
    {"StewardSending.min_retry_wait", "500ms"},
    {"StewardProcess.on_error", "continue"},
    {"StewardProcess.acknowledge", "received"},
    {"JetStreamSource.ack_incomplete", "true"},
    {"JetStreamSource.max_ack_pending", "1024"},
    {"JetStreamSource.ack_wait", "30s"},
    {"FrameTcpSource.max_message_size", "4KiB"},
    {"FrameTcpSource.max_connections", "1024"},
    {"FrameTcpSource.frame_timeout", "30s"},
    {"FrameTcpSink.max_message_size", "4KiB"},
    {"ReplayFileSource.speed", "1"},
    {"PluginsConfig.autoload", "true"},
    {"PluginsConfig.scan_interval", "5s"},
    {"PluginsConfig.max_capacity", "1048576"},
    {"PluginsConfig.max_queued_bytes", "1GiB"},
    {"PluginSettings.isolation", "child"},
    {"PluginSettings.policy", "linear_drop"},
    {"PluginSettings.sandbox", "strict"},
    {"PluginSettings.memory_limit_bytes", "512MiB"},
    {"PluginSettings.emit_limit_per_second", "20000"},
    {"PluginSettings.emit_ring_events", "16384"},
    {"PluginSettings.log_limit_per_second", "100"},
    {"PluginSettings.soft_deadline", "1s"},
    {"PluginSettings.hard_deadline", "10s"},
    {"PluginSettings.create_deadline", "10s"},
    {"PluginSettings.drain_timeout", "10s"},
    {"PluginSettings.max_crashes", "5"},
    {"PluginSettings.on_remove", "keep_running"},
    {"PluginSettings.on_change", "upgrade"},
    {"PluginSettings.probation_time", "30s"},
    {"PluginSettings.probation_messages", "10000"},
    {"LoggingConfig.level", "info"},
    {"LoggingConfig.format", "text"},
    {"LoggingConfig.stats_interval", "10s"},
    {"LoggingConfig.samples", "10"},
    {"ApiLimits.max_subscribers", "1024"},
    {"ApiLimits.max_subscriptions", "256"},
    {"ApiLimits.max_streams_per_connection", "256"},
    {"ApiLimits.filter_memory_bytes", "8MiB"},
    {"ApiLimits.write_stall_timeout", "60s"},
    {"ApiLimits.grpc_memory_bytes", "256MiB"},
    {"ApiLimits.publish_limit_per_second", "20000"},
};

// Those of a source depend on its kind.
constexpr Default kRisLiveBackoff[] = {
    {"initial", "5s"}, {"max", "320s"},        {"multiplier", "2"},
    {"jitter", "0.5"}, {"reset_after", "30s"},
};
constexpr Default kNakadiBackoff[] = {
    {"initial", "10ms"}, {"max", "10s"},        {"multiplier", "1.5"},
    {"jitter", "0.5"},   {"reset_after", "1s"},
};
constexpr Default kOtherBackoff[] = {
    {"initial", "1s"}, {"max", "60s"},         {"multiplier", "2"},
    {"jitter", "0.5"}, {"reset_after", "30s"},
};

void FillField(absl::string_view name, absl::string_view text,
               Message* message) {
  const FieldDescriptor* field =
      message->GetDescriptor()->FindFieldByName(std::string(name));
  assert(field != nullptr);
  if (message->GetReflection()->HasField(*message, field)) return;
  const bool understood = SetFromText(text, *field, message).ok();
  assert(understood);
  static_cast<void>(understood);
}

// Fills `message` and the messages that are set in it, save the settings of
// single plugins.
void FillTree(Message* message) {
  const std::string prefix =
      absl::StrCat(message->GetDescriptor()->name(), ".");
  for (const Default& row : kDefaults) {
    if (row.field.substr(0, prefix.size()) != prefix) continue;
    FillField(row.field.substr(prefix.size()), row.text, message);
  }
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
        field->message_type() == v1::PluginConfig::descriptor()) {
      continue;
    }
    if (!field->is_repeated()) {
      FillTree(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      FillTree(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
}

void FillListeners(HostConfig* config) {
  if (config->listeners().empty()) {
    config->add_listeners()->set_tcp("127.0.0.1:50051");
    config->add_listeners()->set_unix("/run/weir/weir.sock");
  }
  for (v1::Listener& listener : *config->mutable_listeners()) {
    if (listener.has_unix()) FillField("mode", "0660", &listener);
  }
}

void FillSource(const std::string& node_id, v1::SourceConfig* source) {
  const bool is_ris_live = source->has_ris_live();
  const bool is_nakadi = source->has_nakadi();
  const bool is_nats = source->has_nats();
  const bool is_frame_tcp = source->has_frame_tcp();
  const bool is_jetstream = source->has_jetstream();
  if (!is_ris_live && !is_nakadi && !is_nats && !is_frame_tcp &&
      !is_jetstream && !source->has_replay_file()) {
    return;
  }
  for (const Default& row : is_ris_live ? kRisLiveBackoff
                            : is_nakadi ? kNakadiBackoff
                                        : kOtherBackoff) {
    FillField(row.field, row.text, source->mutable_backoff());
  }
  if (is_nakadi) {
    FillField("format", "nakadi", source->mutable_decoder());
    FillField("flow_id_prefix", absl::StrCat("weir-", node_id),
              source->mutable_nakadi());
  } else if (is_nats) {
    FillField("format", source->nats().has_steward() ? "steward" : "opaque",
              source->mutable_decoder());
  } else if (is_frame_tcp || is_jetstream) {
    FillField("format", "opaque", source->mutable_decoder());
  } else if (is_ris_live) {
    FillField("format", "ris_live", source->mutable_decoder());
    FillField("client", absl::StrCat("weir-", node_id),
              source->mutable_ris_live());
  } else if (!source->replay_file().endless()) {
    FillField("loops", "1", source->mutable_replay_file());
  }
}

void FillSink(v1::SinkConfig* sink) {
  for (const Default& row : kOtherBackoff) {
    FillField(row.field, row.text, sink->mutable_retry());
  }
}

void FillPlugins(const std::string& user, v1::PluginsConfig* plugins) {
  if (plugins->folders().empty()) {
    plugins->add_folders("/usr/lib/weir/plugins");
    plugins->add_folders("/etc/weir/plugins");
  }
  if (plugins->allowed_owners().empty()) {
    plugins->add_allowed_owners("root");
    if (!user.empty() && user != "root") plugins->add_allowed_owners(user);
  }
  plugins->mutable_defaults();
}

}  // namespace

HostConfig EffectiveConfig(const HostConfig& written,
                           const Environment& environment) {
  HostConfig config = written;
  if (!environment.host_name.empty()) {
    FillField("node_id", environment.host_name, &config);
  }
  FillListeners(&config);
  config.mutable_broker();
  for (v1::SourceConfig& source : *config.mutable_sources()) {
    FillSource(config.node_id(), &source);
  }
  for (v1::SinkConfig& sink : *config.mutable_sinks()) FillSink(&sink);
  FillPlugins(environment.user, config.mutable_plugins());
  config.mutable_logging();
  config.mutable_limits();
  FillTree(&config);
  if (config.broker().mode() != v1::BrokerConfig::MODE_MEMORY) {
    FillField("journal_path", absl::StrCat(config.state_dir(), "/journal.db"),
              config.mutable_broker());
  }
  return config;
}

}  // namespace weir
