#include "host/config/source_config_check.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "host/config/check_parts.h"

namespace weir {
namespace {

// Nakadi takes whole seconds, and a part of one would be another number there.
void CheckWholeSeconds(const google::protobuf::Duration& duration,
                       const std::string& path, FaultList* faults) {
  if (duration.nanos() == 0) return;
  faults->Add(path, absl::StrCat(absl::FormatDuration(ToDuration(duration)),
                                 ": Nakadi takes whole seconds; round it"));
}

void CheckNakadi(const v1::NakadiSource& nakadi, const std::string& path,
                 FaultList* faults) {
  CheckWholeSeconds(nakadi.flush_timeout(), Join(path, "flush_timeout"),
                    faults);
  CheckWholeSeconds(nakadi.commit_timeout(), Join(path, "commit_timeout"),
                    faults);
  CheckWholeSeconds(nakadi.batch_timespan(), Join(path, "batch_timespan"),
                    faults);
  CheckWholeSeconds(nakadi.stream_timeout(), Join(path, "stream_timeout"),
                    faults);
  const bool by_id = !nakadi.subscription_id().empty();
  const bool by_name =
      !nakadi.owning_application().empty() || nakadi.event_types_size() > 0;
  if (by_id && by_name) {
    faults->Add(Join(path, "subscription_id"),
                absl::StrCat("\"", nakadi.subscription_id(),
                             "\" and owning_application or event_types exclude "
                             "each other; keep one"));
  } else if (!by_id && (nakadi.owning_application().empty() ||
                        nakadi.event_types_size() == 0)) {
    faults->Add(Join(path, "subscription_id"),
                "required, and not set; add the id of a subscription, or "
                "owning_application and event_types to find or make one by");
  }
  if (!nakadi.read_from().empty() && nakadi.read_from() != "begin" &&
      nakadi.read_from() != "end") {
    faults->Add(Join(path, "read_from"),
                absl::StrCat("\"", nakadi.read_from(),
                             "\" is not known; say begin or end"));
  }
  if ((nakadi.token_file().empty() ? 0 : 1) +
          (nakadi.token_env().empty() ? 0 : 1) +
          (nakadi.token_command_size() > 0 ? 1 : 0) >
      1) {
    faults->Add(Join(path, "token_file"),
                "token_file, token_command and token_env exclude each other; "
                "keep one");
  }
  const absl::Duration flush = nakadi.has_flush_timeout()
                                   ? ToDuration(nakadi.flush_timeout())
                                   : absl::Seconds(30);
  if (nakadi.has_read_timeout() && ToDuration(nakadi.read_timeout()) <= flush) {
    faults->Add(
        Join(path, "read_timeout"),
        absl::StrCat(absl::FormatDuration(ToDuration(nakadi.read_timeout())),
                     " is not longer than flush_timeout, ",
                     absl::FormatDuration(flush),
                     ", so an idle stream would be taken for dead; raise it"));
  }
  if (nakadi.batch_limit() > nakadi.max_uncommitted_events() &&
      nakadi.max_uncommitted_events() > 0) {
    faults->Add(
        Join(path, "max_uncommitted_events"),
        absl::StrCat(nakadi.max_uncommitted_events(),
                     " is less than batch_limit, ", nakadi.batch_limit(),
                     ", so no batch is ever full; raise it to several times "
                     "batch_limit"));
  }
  std::set<std::string> seen;
  for (int i = 0; i < nakadi.partitions_size(); ++i) {
    const v1::NakadiPartition& one = nakadi.partitions(i);
    if (!seen.insert(absl::StrCat(one.event_type(), "/", one.partition()))
             .second) {
      faults->Add(
          absl::StrCat(Join(path, "partitions["), i, "]"),
          absl::StrCat("\"", one.partition(), "\" of ", one.event_type(),
                       " is there twice; remove one"));
    }
  }
}

bool IsStewardProfile(absl::string_view name) {
  return name == "S0" || name == "S1" || name == "C1" || name == "C2" ||
         name == "C3" || name == "C4";
}

void CheckStewardProfile(absl::string_view name, const std::string& path,
                         FaultList* faults) {
  if (name.empty() || IsStewardProfile(name)) return;
  faults->Add(path, absl::StrCat("\"", name,
                                 "\" is no profile; they are S0, S1, C1, C2, "
                                 "C3 and C4"));
}

void CheckStewardSending(const v1::StewardNode& node, const std::string& path,
                         FaultList* faults) {
  const v1::StewardSending& sending = node.sending();
  const std::string& profile = node.profile();
  const bool always_zstd = profile == "C3" || profile == "C4";
  if (always_zstd &&
      (sending.compression() == v1::StewardSending::COMPRESSION_GZIP ||
       sending.compression() == v1::StewardSending::COMPRESSION_NONE)) {
    faults->Add(
        Join(path, "compression"),
        absl::StrCat("nodes of ", profile, " read zstd alone; remove it"));
  } else if (profile == "S0" &&
             sending.compression() == v1::StewardSending::COMPRESSION_GZIP) {
    faults->Add(Join(path, "compression"),
                "nodes of S0 do not read gzip; remove it");
  }
  if (sending.central_node().find_first_of(" \t*>") != std::string::npos) {
    faults->Add(Join(path, "central_node"),
                absl::StrCat("\"", sending.central_node(),
                             "\": no node can be called so; take out blanks "
                             "and wildcards"));
  }
  if (profile == "S0" && !sending.signing_key_file().empty()) {
    faults->Add(Join(path, "signing_key_file"),
                "messages of S0 are not signed; remove it");
  }
}

void CheckStewardNode(const v1::StewardNode& node, const std::string& path,
                      FaultList* faults) {
  CheckStewardProfile(node.profile(), Join(path, "profile"), faults);
  if (node.has_sending()) {
    CheckStewardSending(node, Join(path, "sending"), faults);
  }
  std::set<std::string> seen;
  for (int i = 0; i < node.processes_size(); ++i) {
    const v1::StewardProcess& process = node.processes(i);
    const std::string at = absl::StrCat(Join(path, "processes["), i, "]");
    if (!seen.insert(process.method()).second) {
      faults->Add(Join(at, "method"),
                  absl::StrCat("\"", process.method(),
                               "\" is there twice; remove one"));
    }
    if (node.profile() == "S0" && process.method() == "REQRelay" &&
        !node.has_sending()) {
      faults->Add(Join(at, "method"),
                  "REQRelay has the node send on what comes; give it a "
                  "`sending`, or remove the process");
    }
    if (!process.require_signature()) continue;
    if (node.profile() == "S0") {
      faults->Add(Join(at, "require_signature"),
                  "nodes of S0 do not sign; remove it");
    } else if (node.keys_file().empty()) {
      faults->Add(Join(path, "keys_file"),
                  "required, since a process has require_signature; set it");
    }
  }
}

void CheckNats(const v1::SourceConfig& source, const std::string& path,
               FaultList* faults) {
  const v1::NatsSource& nats = source.nats();
  const std::string at = Join(path, "nats");
  CheckNatsUser(nats, at, faults);
  if (!nats.has_steward()) {
    if (nats.subjects_size() == 0) {
      faults->Add(Join(at, "subjects"), "required, and not set; set it");
    }
    return;
  }
  CheckStewardNode(nats.steward(), Join(at, "steward"), faults);
  if (nats.subjects_size() > 0 || !nats.queue_group().empty()) {
    faults->Add(Join(at, nats.subjects_size() > 0 ? "subjects" : "queue_group"),
                "steward has its own, by its processes; remove it, or make it "
                "another source");
  }
  const v1::DecoderConfig& decoder = source.decoder();
  if (decoder.format() != v1::DecoderConfig::FORMAT_UNSPECIFIED &&
      decoder.format() != v1::DecoderConfig::FORMAT_STEWARD) {
    faults->Add(Join(path, "decoder.format"),
                "the messages of nats.steward are steward's; remove it");
  }
  if (!decoder.steward_profile().empty() || decoder.steward_any_subject()) {
    faults->Add(
        Join(path, decoder.steward_any_subject() ? "decoder.steward_any_subject"
                                                 : "decoder.steward_profile"),
        "nats.steward decides that; remove it");
  }
}

void CheckSource(const v1::SourceConfig& source, const std::string& path,
                 FaultList* faults) {
  CheckHasKind(source, path, "kind", faults);
  if (source.has_backoff() && source.backoff().has_max()) {
    CheckNotLonger(source.backoff().initial(), source.backoff().max(),
                   Join(path, "backoff.initial"), "max", faults);
  }
  if (source.has_nakadi()) {
    CheckNakadi(source.nakadi(), Join(path, "nakadi"), faults);
  }
  if (source.has_nats()) {
    CheckNats(source, path, faults);
  }
  if (source.has_jetstream()) {
    CheckNatsUser(source.jetstream(), Join(path, "jetstream"), faults);
  }
  CheckStewardProfile(source.decoder().steward_profile(),
                      Join(path, "decoder.steward_profile"), faults);
  if (source.has_frame_tcp()) {
    CheckHasKind(source.frame_tcp(), Join(path, "frame_tcp"), "side", faults);
  }
  if (source.replay_file().endless() && source.replay_file().loops() > 0) {
    faults->Add(Join(path, "replay_file.loops"),
                absl::StrCat(source.replay_file().loops(),
                             " and endless exclude each other; keep one"));
  }
}

}  // namespace

void CheckSources(const v1::HostConfig& config, FaultList* faults) {
  CheckUnique(config.sources(), "sources", faults);
  for (int i = 0; i < config.sources_size(); ++i) {
    const v1::SourceConfig& source = config.sources(i);
    const std::string path = absl::StrCat("sources[", i, "]");
    CheckSource(source, path, faults);
    const uint64_t most = config.plugins().max_queued_bytes();
    if (source.max_payload_bytes() > most) {
      faults->Add(
          Join(path, "max_payload_bytes"),
          absl::StrCat(source.max_payload_bytes(),
                       " is more than plugins.max_queued_bytes, ", most,
                       ", so such a message fits no queue; lower it, or "
                       "raise plugins.max_queued_bytes"));
    }
  }
}

}  // namespace weir
