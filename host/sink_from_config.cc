#include "host/sink_from_config.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/frames_tls.h"
#include "host/nats_from_config.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/stream_convert.h"
#include "host/sink/delivery.h"
#include "host/sink/frame_tcp_delivery.h"
#include "host/sink/jetstream_delivery.h"
#include "host/sink/nakadi_delivery.h"
#include "host/sink/nats_delivery.h"
#include "host/sink/nats_item.h"
#include "host/sink/steward_delivery.h"
#include "host/sync/interruptible_sleeper.h"
#include "lib/nakadi/token_provider.h"

namespace weir {
namespace {

std::unique_ptr<Delivery> MakeNakadi(const v1::NakadiSink& config,
                                     const std::string& node_id) {
  NakadiDeliveryOptions options;
  options.client.url = config.url();
  while (absl::EndsWith(options.client.url, "/")) options.client.url.pop_back();
  if (!config.token_file().empty()) {
    options.client.token = nakadi::TokenFromFile(config.token_file());
  }
  options.client.flow_id_prefix = absl::StrCat("weir-", node_id);
  options.client.ca_file = config.tls().ca_file();
  options.client.cert_file = config.tls().cert_file();
  options.client.key_file = config.tls().key_file();
  options.client.insecure_skip_verify = config.tls().insecure_skip_verify();
  options.event_type = config.event_type();
  options.batch_limit = config.batch_limit();
  return std::make_unique<NakadiDelivery>(options);
}

std::unique_ptr<Delivery> MakeFrameTcp(const v1::FrameTcpSink& config,
                                       const std::string& name) {
  FrameTcpDeliveryOptions options;
  options.writer.address = config.connect();
  options.writer.max_message_size = config.max_message_size();
  options.name = name;
  if (config.has_tls()) options.writer.tls = FramesTlsOf(config.tls());
  options.binary = config.binary();
  return std::make_unique<FrameTcpDelivery>(std::move(options));
}

std::unique_ptr<Delivery> MakeNats(const v1::NatsSink& config,
                                   const std::string& node_id) {
  NatsSubject subject = {.pattern = config.subject(), .node_id = node_id};
  if (config.jetstream()) {
    JetStreamDeliveryOptions options;
    options.server = MakeNatsServerOptions(config);
    options.subject = std::move(subject);
    return std::make_unique<JetStreamDelivery>(std::move(options));
  }
  NatsDeliveryOptions options;
  options.server = MakeNatsServerOptions(config);
  options.subject = std::move(subject);
  return std::make_unique<NatsDelivery>(std::move(options));
}

std::unique_ptr<Delivery> MakeSteward(const v1::StewardSink& config,
                                      StewardOutboxes& outboxes) {
  StewardDeliveryOptions options;
  options.source = config.source();
  options.to_node = config.to_node();
  options.method = config.method();
  options.method_args = {config.method_args().begin(),
                         config.method_args().end()};
  options.directory = config.directory();
  options.file_name = config.file_name();
  options.ack_timeout = absl::ToInt64Seconds(FromProto(config.ack_timeout()));
  options.retries = config.retries();
  return std::make_unique<StewardDelivery>(std::move(options),
                                           *outboxes.Find(config.source()));
}

std::unique_ptr<Delivery> MakeDelivery(const v1::SinkConfig& config,
                                       const std::string& name,
                                       const std::string& node_id,
                                       StewardOutboxes& outboxes) {
  if (config.has_frame_tcp()) return MakeFrameTcp(config.frame_tcp(), name);
  if (config.has_nats()) return MakeNats(config.nats(), node_id);
  if (config.has_steward()) return MakeSteward(config.steward(), outboxes);
  return MakeNakadi(config.nakadi(), node_id);
}

}  // namespace

std::unique_ptr<Sink> MakeSink(const v1::SinkConfig& config,
                               const std::string& state_dir,
                               const std::string& node_id, uint64_t seed,
                               StewardOutboxes& outboxes, Sink::Host host) {
  SinkOptions options;
  options.name = absl::StrCat("sinks/", config.id());
  options.filters = FiltersFromProto(config.filters());
  options.from_earliest = config.from_earliest();
  options.cursor_path =
      absl::StrCat(state_dir, "/sink_", config.id(), ".cursor");
  options.retry.initial = FromProto(config.retry().initial());
  options.retry.max = FromProto(config.retry().max());
  options.retry.multiplier = config.retry().multiplier();
  options.retry.jitter = config.retry().jitter();
  options.max_attempts = config.max_attempts();
  options.rate_limit = config.rate_limit();
  options.seed = seed;
  std::unique_ptr<Delivery> delivery =
      MakeDelivery(config, options.name, node_id, outboxes);
  return std::make_unique<Sink>(std::move(options), std::move(delivery),
                                std::make_unique<InterruptibleSleeper>(), host);
}

}  // namespace weir
