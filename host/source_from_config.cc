#include "host/source_from_config.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "host/config/struct_json.h"
#include "host/decode/nakadi_decoder.h"
#include "host/decode/opaque_decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/decode/steward_decoder.h"
#include "host/frames_tls.h"
#include "host/log/log.h"
#include "host/nats_from_config.h"
#include "host/rpc/proto_time.h"
#include "host/source/frame_tcp_source.h"
#include "host/source/jetstream_source.h"
#include "host/source/nakadi_source.h"
#include "host/source/nats_source.h"
#include "host/source/replay_file_source.h"
#include "host/source/ris_live_source.h"
#include "host/source/steward_processes.h"
#include "host/source/steward_source.h"
#include "lib/nakadi/token_provider.h"
#include "lib/steward/profile.h"

namespace weir {
namespace {

// Messages of a stream that are acknowledged together if nothing depends on
// which of them a handler lost.
constexpr size_t kJetStreamBatch = 64;

std::unique_ptr<Source> MakeRisLive(const v1::SourceConfig& config,
                                    const Clock& clock) {
  const v1::RisLiveSource& ris_live = config.ris_live();
  RisLiveOptions options;
  options.url = ris_live.url();
  options.client = ris_live.client();
  if (ris_live.has_subscribe()) {
    options.subscribe = StructToJson(ris_live.subscribe());
  }
  options.read_timeout = FromProto(ris_live.read_timeout());
  options.connect_timeout = FromProto(ris_live.connect_timeout());
  options.max_payload_bytes = config.max_payload_bytes();
  options.ca_file = ris_live.tls().ca_file();
  options.cert_file = ris_live.tls().cert_file();
  options.key_file = ris_live.tls().key_file();
  options.insecure_skip_verify = ris_live.tls().insecure_skip_verify();
  return std::make_unique<RisLiveSource>(options, clock);
}

nakadi::TokenProvider MakeToken(const v1::NakadiSource& config) {
  if (!config.token_file().empty()) {
    return nakadi::TokenFromFile(config.token_file());
  }
  if (!config.token_env().empty()) {
    return nakadi::TokenFromEnvironment(config.token_env());
  }
  if (config.token_command().empty()) return {};
  return nakadi::TokenFromCommand(
      {config.token_command().begin(), config.token_command().end()});
}

std::unique_ptr<Source> MakeNakadi(const v1::SourceConfig& source,
                                   const Clock& clock) {
  const v1::NakadiSource& config = source.nakadi();
  NakadiOptions options;
  options.id = source.id();
  options.client.url = config.url();
  while (absl::EndsWith(options.client.url, "/")) options.client.url.pop_back();
  options.client.token = MakeToken(config);
  options.client.gzip = config.gzip();
  options.client.flow_id_prefix = config.flow_id_prefix();
  options.client.connect_timeout = FromProto(config.connect_timeout());
  options.client.ca_file = config.tls().ca_file();
  options.client.cert_file = config.tls().cert_file();
  options.client.key_file = config.tls().key_file();
  options.client.insecure_skip_verify = config.tls().insecure_skip_verify();
  options.subscription_id = config.subscription_id();
  options.subscription.owning_application = config.owning_application();
  options.subscription.event_types = {config.event_types().begin(),
                                      config.event_types().end()};
  options.subscription.consumer_group = config.consumer_group();
  options.subscription.read_from = config.read_from();
  nakadi::StreamParameters& stream = options.stream;
  stream.batch_limit = config.batch_limit();
  stream.batch_flush_timeout = FromProto(config.flush_timeout());
  stream.batch_timespan = FromProto(config.batch_timespan());
  stream.max_uncommitted_events = config.max_uncommitted_events();
  stream.stream_limit = config.stream_limit();
  stream.stream_timeout = FromProto(config.stream_timeout());
  stream.stream_keep_alive_limit = config.stream_keep_alive_limit();
  stream.commit_timeout = FromProto(config.commit_timeout());
  stream.read_timeout = FromProto(config.read_timeout());
  for (const v1::NakadiPartition& one : config.partitions()) {
    stream.partitions.emplace_back(one.event_type(), one.partition());
  }
  options.strategy.every_events = config.commit_every_events();
  options.strategy.interval = FromProto(config.commit_interval());
  options.strategy.retry = config.commit_retry();
  options.strategy.max_elapsed = FromProto(config.commit_max_elapsed());
  options.commit_incomplete = config.commit_incomplete();
  return std::make_unique<NakadiSource>(std::move(options), clock);
}

// Sets what is of the server, of either kind of options.
void FillServer(const v1::SourceConfig& source, NatsServerOptions* options) {
  *options = MakeNatsServerOptions(source.nats());
  options->pending_limit = source.nats().pending_limit();
  options->max_payload_bytes = source.max_payload_bytes();
}

std::shared_ptr<StewardProcesses> MakeProcesses(const v1::StewardNode& config,
                                                const Clock& clock) {
  StewardNode node;
  node.name = config.node();
  node.profile =
      steward::FindProfile(config.profile()).value_or(steward::Profile::kS1);
  node.any_subject = config.any_subject();
  node.has_keys = !config.keys_file().empty();
  for (const v1::StewardProcess& process : config.processes()) {
    node.processes.push_back(
        {.method = process.method(),
         .allowed_senders = {process.allowed_senders().begin(),
                             process.allowed_senders().end()},
         .require_signature = process.require_signature(),
         .stop_on_error =
             process.on_error() == v1::StewardProcess::ON_ERROR_STOP,
         .acknowledge_done =
             process.acknowledge() == v1::StewardProcess::ACKNOWLEDGE_DONE});
    if (process.stopped()) node.stopped.insert(process.method());
  }
  return std::make_shared<StewardProcesses>(std::move(node), clock);
}

std::unique_ptr<Source> MakeStewardNode(const v1::SourceConfig& source,
                                        const Clock& clock,
                                        StewardNodeSet& nodes,
                                        StewardOutbox* outbox,
                                        SourceReport report) {
  const v1::StewardNode& config = source.nats().steward();
  StewardOptions options;
  FillServer(source, &options);
  options.keys_file = config.keys_file();
  options.duplicate_window = FromProto(config.duplicate_window());
  options.outbox = outbox;
  options.report = std::move(report);
  auto processes = MakeProcesses(config, clock);
  nodes.Add(absl::StrCat("sources/", source.id()), processes);
  return std::make_unique<StewardSource>(std::move(options),
                                         std::move(processes), clock);
}

std::unique_ptr<Source> MakeNats(const v1::SourceConfig& source,
                                 const Clock& clock, StewardNodeSet& nodes,
                                 StewardOutbox* outbox, SourceReport report) {
  const v1::NatsSource& config = source.nats();
  if (config.has_steward()) {
    return MakeStewardNode(source, clock, nodes, outbox, std::move(report));
  }
  NatsOptions options;
  FillServer(source, &options);
  options.subjects = {config.subjects().begin(), config.subjects().end()};
  options.queue_group = config.queue_group();
  return std::make_unique<NatsSource>(std::move(options), clock);
}

std::unique_ptr<Source> MakeJetStream(const v1::SourceConfig& source,
                                      const Clock& clock) {
  const v1::JetStreamSource& config = source.jetstream();
  JetStreamOptions options;
  options.server = MakeNatsServerOptions(config);
  options.consumer.stream = config.stream();
  options.consumer.durable = config.durable();
  options.consumer.filter_subject = config.filter_subject();
  options.consumer.max_ack_pending = config.max_ack_pending();
  options.consumer.ack_wait = FromProto(config.ack_wait());
  options.ack_incomplete = config.ack_incomplete();
  options.max_payload_bytes = source.max_payload_bytes();
  // What is lost is given back by the batch.
  options.batch_messages = options.ack_incomplete ? kJetStreamBatch : 1;
  return std::make_unique<JetStreamSource>(std::move(options), clock);
}

std::unique_ptr<Decoder> MakeSteward(const v1::SourceConfig& config,
                                     NameTable& types) {
  StewardDecoderOptions options;
  const std::optional<steward::Profile> profile =
      steward::FindProfile(config.decoder().steward_profile());
  if (profile.has_value()) options.layout = steward::LayoutOf(*profile);
  // A node has looked at subjects itself, before it acknowledged: by its own
  // profile, whereas the decoder would go by the sender's.
  options.any_subject =
      config.decoder().steward_any_subject() || config.nats().has_steward();
  options.max_bytes = config.max_payload_bytes();
  return std::make_unique<StewardDecoder>(types, options);
}

std::unique_ptr<Source> MakeFrameTcp(const v1::SourceConfig& source,
                                     const Clock& clock) {
  const v1::FrameTcpSource& config = source.frame_tcp();
  FrameTcpOptions options;
  if (config.has_listen()) {
    for (const absl::string_view one : absl::StrSplit(config.listen(), ',')) {
      options.listen.emplace_back(absl::StripAsciiWhitespace(one));
    }
  }
  options.connect = config.connect();
  options.max_message_size = config.max_message_size();
  options.max_payload_bytes = source.max_payload_bytes();
  options.max_connections = config.max_connections();
  options.idle_timeout = FromProto(config.idle_timeout());
  options.frame_timeout = FromProto(config.frame_timeout());
  options.deliver_empty = config.deliver_empty();
  if (config.has_tls()) options.tls = FramesTlsOf(config.tls());
  options.log = [id = source.id()](absl::string_view line) {
    LogWarning(absl::StrCat("sources/", id), line);
  };
  return std::make_unique<FrameTcpSource>(std::move(options), clock);
}

}  // namespace

std::unique_ptr<Source> MakeSource(const v1::SourceConfig& config,
                                   const std::string& state_dir,
                                   const Clock& clock,
                                   const SleeperFactory& sleepers,
                                   StewardNodeSet& nodes, StewardOutbox* outbox,
                                   SourceReport report) {
  if (config.kind_case() == v1::SourceConfig::kRisLive) {
    return MakeRisLive(config, clock);
  }
  if (config.kind_case() == v1::SourceConfig::kNakadi) {
    return MakeNakadi(config, clock);
  }
  if (config.kind_case() == v1::SourceConfig::kNats) {
    return MakeNats(config, clock, nodes, outbox, std::move(report));
  }
  if (config.kind_case() == v1::SourceConfig::kJetstream) {
    return MakeJetStream(config, clock);
  }
  if (config.kind_case() == v1::SourceConfig::kFrameTcp) {
    return MakeFrameTcp(config, clock);
  }
  const v1::ReplayFileSource& replay = config.replay_file();
  ReplayFileOptions options;
  options.path = replay.path();
  options.speed = replay.speed();
  options.loops = replay.loops();
  options.endless = replay.endless();
  options.max_payload_bytes = config.max_payload_bytes();
  options.resume = replay.resume();
  if (replay.has_start_time()) {
    options.start_time = FromProto(replay.start_time());
  }
  if (replay.resume()) {
    options.state_file = absl::StrCat(state_dir, "/", config.id(), ".offset");
  }
  return std::make_unique<ReplayFileSource>(options, clock, sleepers);
}

StreamerOptions MakeStreamerOptions(const v1::SourceConfig& config,
                                    uint64_t seed) {
  StreamerOptions options;
  options.id = config.id();
  options.decoder = DecoderName(config);
  options.backoff.initial = FromProto(config.backoff().initial());
  options.backoff.max = FromProto(config.backoff().max());
  options.backoff.multiplier = config.backoff().multiplier();
  options.backoff.jitter = config.backoff().jitter();
  options.backoff.reset_after = FromProto(config.backoff().reset_after());
  options.backoff.max_attempts = config.backoff().max_attempts();
  options.staleness = FromProto(config.staleness());
  options.max_lag = FromProto(config.max_lag());
  options.disabled = config.disabled();
  options.seed = seed;
  return options;
}

std::unique_ptr<Decoder> MakeDecoder(const v1::SourceConfig& config,
                                     NameTable& types) {
  switch (config.decoder().format()) {
    case v1::DecoderConfig::FORMAT_OPAQUE:
      return std::make_unique<OpaqueDecoder>(types,
                                             config.decoder().opaque_type());
    case v1::DecoderConfig::FORMAT_NAKADI:
      return std::make_unique<NakadiDecoder>(types);
    case v1::DecoderConfig::FORMAT_STEWARD:
      return MakeSteward(config, types);
    default:
      return std::make_unique<RisLiveDecoder>(types);
  }
}

std::string DecoderName(const v1::SourceConfig& config) {
  switch (config.decoder().format()) {
    case v1::DecoderConfig::FORMAT_OPAQUE:
      return "opaque";
    case v1::DecoderConfig::FORMAT_NAKADI:
      return "nakadi";
    case v1::DecoderConfig::FORMAT_STEWARD:
      return "steward";
    default:
      return "ris_live";
  }
}

}  // namespace weir
