#include "host/source_from_config.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/config/struct_json.h"
#include "host/decode/opaque_decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/rpc/proto_time.h"
#include "host/source/replay_file_source.h"
#include "host/source/ris_live_source.h"

namespace weir {
namespace {

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

}  // namespace

std::unique_ptr<Source> MakeSource(const v1::SourceConfig& config,
                                   const std::string& state_dir,
                                   const Clock& clock,
                                   const SleeperFactory& sleepers) {
  if (config.kind_case() == v1::SourceConfig::kRisLive) {
    return MakeRisLive(config, clock);
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
  if (config.decoder().format() == v1::DecoderConfig::FORMAT_OPAQUE) {
    return std::make_unique<OpaqueDecoder>(types,
                                           config.decoder().opaque_type());
  }
  return std::make_unique<RisLiveDecoder>(types);
}

std::string DecoderName(const v1::SourceConfig& config) {
  return config.decoder().format() == v1::DecoderConfig::FORMAT_OPAQUE
             ? "opaque"
             : "ris_live";
}

}  // namespace weir
