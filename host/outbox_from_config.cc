#include "host/outbox_from_config.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/nats_from_config.h"
#include "host/rpc/proto_time.h"
#include "host/steward/outbox_intake.h"
#include "lib/steward/compression.h"
#include "lib/steward/profile.h"
#include "lib/steward/signing_key.h"

namespace weir {
namespace {

steward::Compression CompressionOf(
    v1::StewardSending::Compression compression) {
  switch (compression) {
    case v1::StewardSending::COMPRESSION_GZIP:
      return steward::Compression::kGzip;
    case v1::StewardSending::COMPRESSION_NONE:
      return steward::Compression::kNone;
    default:
      return steward::Compression::kZstd;
  }
}

absl::StatusOr<steward::SigningKey> ReadKey(const std::string& path) {
  const auto failed = [&path](absl::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("signing_key_file ", path, ": ", what));
  };
  std::ifstream file(path);
  if (!file) return failed("cannot be read; check that it is there");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  absl::StatusOr<steward::SigningKey> key = steward::SigningKey::Read(text);
  if (!key.ok()) return failed(key.status().message());
  return key;
}

// That a hello can be sent to the node that is to get it.
absl::Status CheckHello(const NodeOutboxOptions& options) {
  if (options.central_node.empty()) return absl::OkStatus();
  const auto hello =
      PrepareMessages(options.identity,
                      {MakeHello(options.identity, options.central_node, "")});
  if (hello.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("central_node: ", hello.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeOutbox>> OpenOutbox(
    const v1::SourceConfig& source, const std::string& state_dir, uint64_t seed,
    const Clock& clock, EventSink& events) {
  if (!source.nats().steward().has_sending()) {
    return std::unique_ptr<NodeOutbox>();
  }
  const v1::StewardNode& node = source.nats().steward();
  const v1::StewardSending& config = node.sending();
  NodeOutboxOptions options;
  options.source = absl::StrCat("sources/", source.id());
  options.identity.node = node.node();
  options.identity.profile =
      steward::FindProfile(node.profile()).value_or(steward::Profile::kS1);
  options.identity.compression = CompressionOf(config.compression());
  if (!config.signing_key_file().empty()) {
    absl::StatusOr<steward::SigningKey> key =
        ReadKey(config.signing_key_file());
    if (!key.ok()) return key.status();
    options.identity.key = *std::move(key);
  }
  options.error_node = config.error_node();
  options.central_node = config.central_node();
  options.hello_interval = FromProto(config.hello_interval());
  if (absl::Status status = CheckHello(options); !status.ok()) return status;
  options.server = MakeNatsServerOptions(source.nats());
  options.shared_reply_subject = config.shared_reply_subject();
  options.min_retry_wait = FromProto(config.min_retry_wait());
  options.max_bytes = config.max_bytes();
  options.reconnect.initial = FromProto(source.backoff().initial());
  options.reconnect.max = FromProto(source.backoff().max());
  options.reconnect.multiplier = source.backoff().multiplier();
  options.reconnect.jitter = source.backoff().jitter();
  options.reconnect.reset_after = FromProto(source.backoff().reset_after());
  options.path = absl::StrCat(state_dir, "/outbox_", source.id(), ".db");
  options.seed = seed;
  return NodeOutbox::Open(std::move(options), clock, events);
}

}  // namespace weir
