#include "host/config/host_config_check.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "host/config/field_rules.h"
#include "host/config/host_port.h"
#include "host/config/plugin_settings.h"
#include "host/config/walk_fields.h"

namespace weir {
namespace {

using v1::HostConfig;
using v1::Listener;
using v1::PluginConfig;
using v1::SourceConfig;

std::string Join(const std::string& path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

absl::Duration ToDuration(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// Adds a fault if `a`, at `path`, is longer than `b`, the field called `other`.
void CheckNotLonger(const google::protobuf::Duration& a,
                    const google::protobuf::Duration& b,
                    const std::string& path, absl::string_view other,
                    FaultList* faults) {
  if (ToDuration(a) <= ToDuration(b)) return;
  faults->Add(path, absl::StrCat(absl::FormatDuration(ToDuration(a)),
                                 " is longer than ", other, ", ",
                                 absl::FormatDuration(ToDuration(b)),
                                 "; lower it, or raise ", other));
}

// Adds a fault for each of `all` whose id was there before.
template <typename List>
void CheckUnique(const List& all, const std::string& list, FaultList* faults) {
  std::set<std::string> seen;
  int i = 0;
  for (const auto& element : all) {
    if (!element.id().empty() && !seen.insert(element.id()).second) {
      faults->Add(absl::StrCat(list, "[", i, "].id"),
                  absl::StrCat("\"", element.id(),
                               "\" is there twice; ids are unique, so give one "
                               "of the two another"));
    }
    ++i;
  }
}

// Adds a fault if no field of the oneof `name` is set in `message`.
void CheckHasKind(const google::protobuf::Message& message,
                  const std::string& path, const std::string& name,
                  FaultList* faults) {
  const google::protobuf::OneofDescriptor* oneof =
      message.GetDescriptor()->FindOneofByName(name);
  if (message.GetReflection()->HasOneof(message, oneof)) return;
  std::vector<std::string> kinds;
  for (int i = 0; i < oneof->field_count(); ++i) {
    kinds.push_back(oneof->field(i)->name());
  }
  faults->Add(path, absl::StrCat("has no ", name, "; add one of ",
                                 absl::StrJoin(kinds, ", ")));
}

// ----------------------------------------------------------------- listeners

void CheckTcp(const Listener& listener, const std::string& path,
              FaultList* faults) {
  if (!listener.mode().empty() || !listener.group().empty()) {
    faults->Add(Join(path, listener.mode().empty() ? "group" : "mode"),
                "is for Unix sockets; remove it, or listen on `unix`");
  }
  const absl::StatusOr<HostPort> address = ParseHostPort(listener.tcp());
  if (!address.ok()) return;  // Said by the field's own rule.
  if (!address->is_loopback() && !listener.has_tls() && !listener.insecure()) {
    faults->Add(
        Join(path, "tcp"),
        absl::StrCat("\"", listener.tcp(),
                     "\" can be reached from other machines; add `tls`, "
                     "use a loopback address as 127.0.0.1:50051, or say "
                     "`insecure: true` if something before it encrypts"));
  }
}

void CheckUnix(const Listener& listener, const std::string& path,
               FaultList* faults) {
  if (listener.has_tls() || listener.insecure()) {
    faults->Add(Join(path, listener.has_tls() ? "tls" : "insecure"),
                "is for TCP; a Unix socket does not leave the machine, so "
                "remove it");
  }
}

void CheckListeners(const HostConfig& config, FaultList* faults) {
  std::set<std::string> seen;
  for (int i = 0; i < config.listeners_size(); ++i) {
    const Listener& listener = config.listeners(i);
    const std::string path = absl::StrCat("listeners[", i, "]");
    CheckHasKind(listener, path, "address", faults);
    if (listener.has_tcp()) CheckTcp(listener, path, faults);
    if (listener.has_unix()) CheckUnix(listener, path, faults);
    const std::string& address =
        listener.has_tcp() ? listener.tcp() : listener.unix();
    const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    const bool any_port =
        listener.has_tcp() && parsed.ok() && parsed->port == 0;
    if (!address.empty() && !any_port && !seen.insert(address).second) {
      faults->Add(Join(path, listener.has_tcp() ? "tcp" : "unix"),
                  absl::StrCat("\"", address,
                               "\" is there twice; remove one of the two"));
    }
  }
}

// ------------------------------------------------------------- TLS, anywhere

void CheckTls(const HostConfig& config, FaultList* faults) {
  WalkFields(config, "", [&](const FieldAt& at) {
    if (at.field.message_type() != v1::TlsConfig::descriptor()) return true;
    const auto& tls = static_cast<const v1::TlsConfig&>(at.Child());
    const bool serves =
        at.message.GetDescriptor() == Listener::descriptor() ||
        at.message.GetDescriptor() == v1::MetricsConfig::descriptor() ||
        (at.message.GetDescriptor() == v1::FrameTcpSource::descriptor() &&
         static_cast<const v1::FrameTcpSource&>(at.message).has_listen());
    if (tls.cert_file().empty() != tls.key_file().empty() ||
        (serves && tls.cert_file().empty())) {
      faults->Add(
          Join(at.path, tls.cert_file().empty() ? "cert_file" : "key_file"),
          "required, and not set; a certificate and its key go "
          "together");
    }
    if (serves && (!tls.server_name().empty() || tls.insecure_skip_verify())) {
      faults->Add(
          Join(at.path, tls.server_name().empty() ? "insecure_skip_verify"
                                                  : "server_name"),
          "is for connections that the host makes; remove it");
    }
    return true;
  });
}

// ------------------------------------------------------------------- sources

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

// That a connection to NATS, a source's or a sink's, has one way to say who it
// is.
template <typename Nats>
void CheckNatsUser(const Nats& nats, const std::string& path,
                   FaultList* faults) {
  if (nats.credentials_file().empty() || nats.nkey_seed_file().empty()) return;
  faults->Add(Join(path, "nkey_seed_file"),
              "nkey_seed_file and credentials_file exclude each other; keep "
              "one");
}

void CheckNats(const SourceConfig& source, const std::string& path,
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

void CheckSource(const SourceConfig& source, const std::string& path,
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

void CheckSources(const HostConfig& config, FaultList* faults) {
  CheckUnique(config.sources(), "sources", faults);
  for (int i = 0; i < config.sources_size(); ++i) {
    const SourceConfig& source = config.sources(i);
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

// ------------------------------------------------------------------- plugins

bool HasFlowControl(const SourceConfig& source) { return !source.has_nats(); }

// Whether a slot that names these sources, or none, is fed by `source`.
template <typename Names>
bool Feeds(const SourceConfig& source, const Names& names) {
  return names.empty() ||
         std::count(names.begin(), names.end(), source.id()) > 0;
}

// Adds a fault if a slot that takes from `names`, or, if there are none, from
// all sources, must not block.
template <typename Names>
void CheckMayBlock(const HostConfig& host, const Names& names,
                   absl::string_view slot, const std::string& path,
                   FaultList* faults) {
  for (const SourceConfig& source : host.sources()) {
    if (HasFlowControl(source) || !Feeds(source, names)) continue;
    faults->Add(
        path, absl::StrCat("block, for ", slot, ", but source \"", source.id(),
                           "\" has no flow control and would lose messages; "
                           "use drop_oldest, or take that source out of the "
                           "plugin's `sources`"));
  }
}

void CheckSettings(const v1::PluginSettings& settings, const HostConfig& host,
                   const std::string& path, FaultList* faults) {
  if (settings.has_soft_deadline() && settings.has_hard_deadline()) {
    CheckNotLonger(settings.soft_deadline(), settings.hard_deadline(),
                   Join(path, "soft_deadline"), "hard_deadline", faults);
  }
  const uint32_t most = host.plugins().max_capacity();
  if (settings.capacity() > most) {
    faults->Add(Join(path, "capacity"),
                absl::StrCat(settings.capacity(),
                             " is more than plugins.max_capacity, ", most,
                             "; lower it, or raise plugins.max_capacity"));
  }
}

void CheckPlugins(const HostConfig& config, FaultList* faults) {
  const v1::PluginsConfig& plugins = config.plugins();
  CheckSettings(plugins.defaults(), config, "plugins.defaults", faults);
  if (plugins.autoload() &&
      plugins.defaults().policy() == v1::QUEUE_POLICY_BLOCK) {
    CheckMayBlock(config, std::vector<std::string>(), "every plugin",
                  "plugins.defaults.policy", faults);
  }
  CheckUnique(plugins.plugins(), "plugins.plugins", faults);
  for (int i = 0; i < plugins.plugins_size(); ++i) {
    const PluginConfig& entry = plugins.plugins(i);
    const std::string path = absl::StrCat("plugins.plugins[", i, "]");
    if (entry.id().empty()) {
      faults->Add(Join(path, "id"), "required, and not set; set it");
    }
    CheckPluginInHost(
        MergePluginConfig(entry.id(), entry, PluginConfig::default_instance(),
                          plugins.defaults()),
        config, path, faults);
  }
}

// That whatever stands in braces in `text` is something that is replaced.
void CheckPlaceholders(absl::string_view text,
                       const std::vector<absl::string_view>& known,
                       const std::string& path, FaultList* faults) {
  for (size_t at = text.find('{'); at != text.npos;
       at = text.find('{', at + 1)) {
    const absl::string_view found =
        text.substr(at, text.find('}', at) - at + 1);
    if (std::count(known.begin(), known.end(), found) > 0) continue;
    faults->Add(
        path, absl::StrCat("\"", text, "\": nothing is put in place of ", found,
                           "; what is: ", absl::StrJoin(known, ", ")));
  }
}

void CheckNatsSink(const v1::NatsSink& sink, const std::string& path,
                   FaultList* faults) {
  CheckNatsUser(sink, path, faults);
  CheckPlaceholders(sink.subject(), {"{type}", "{source}", "{node_id}"},
                    Join(path, "subject"), faults);
  if (sink.subject().find_first_of(" \t*>") != std::string::npos) {
    faults->Add(Join(path, "subject"),
                absl::StrCat("\"", sink.subject(),
                             "\": nothing can be published to that; take out "
                             "blanks and wildcards"));
  }
}

void CheckStewardSinkTexts(const v1::StewardSink& sink, const std::string& path,
                           FaultList* faults) {
  const std::vector<absl::string_view> known = {
      "{type}", "{subject}", "{severity}", "{source}", "{id}"};
  CheckPlaceholders(sink.to_node(), known, Join(path, "to_node"), faults);
  CheckPlaceholders(sink.directory(), known, Join(path, "directory"), faults);
  CheckPlaceholders(sink.file_name(), known, Join(path, "file_name"), faults);
}

// That the source which is to send is there, and sends.
void CheckStewardSink(const v1::StewardSink& sink, const HostConfig& config,
                      const std::string& path, FaultList* faults) {
  if (sink.source().empty()) return;  // Said already.
  for (const SourceConfig& source : config.sources()) {
    if (sink.source() == absl::StrCat("sources/", source.id()) &&
        source.nats().steward().has_sending()) {
      return;
    }
  }
  faults->Add(Join(path, "source"),
              absl::StrCat("\"", sink.source(),
                           "\" is no source with nats.steward.sending; it is "
                           "\"sources/ID\" of one"));
}

void CheckSinks(const HostConfig& config, FaultList* faults) {
  CheckUnique(config.sinks(), "sinks", faults);
  for (int i = 0; i < config.sinks_size(); ++i) {
    const v1::SinkConfig& sink = config.sinks(i);
    const std::string path = absl::StrCat("sinks[", i, "]");
    CheckHasKind(sink, path, "kind", faults);
    if (sink.has_nats()) CheckNatsSink(sink.nats(), Join(path, "nats"), faults);
    if (sink.has_steward()) {
      CheckStewardSink(sink.steward(), config, Join(path, "steward"), faults);
      CheckStewardSinkTexts(sink.steward(), Join(path, "steward"), faults);
    }
    if (sink.retry().has_max()) {
      CheckNotLonger(sink.retry().initial(), sink.retry().max(),
                     Join(path, "retry.initial"), "max", faults);
    }
    if (sink.retry().max_attempts() > 0) {
      faults->Add(Join(path, "retry.max_attempts"),
                  "a sink waits for ever for its other side; to give single "
                  "events up, set max_attempts beside retry");
    }
  }
}

}  // namespace

void CheckPluginInHost(const PluginConfig& plugin, const HostConfig& host,
                       const std::string& path, FaultList* faults) {
  CheckSettings(plugin.settings(), host, Join(path, "settings"), faults);
  if (plugin.settings().policy() == v1::QUEUE_POLICY_BLOCK) {
    CheckMayBlock(host, plugin.sources(),
                  absl::StrCat("plugin \"", plugin.id(), "\""),
                  Join(path, "settings.policy"), faults);
  }
  for (int i = 0; i < plugin.sources_size(); ++i) {
    const auto named = [&](const SourceConfig& source) {
      return source.id() == plugin.sources(i);
    };
    if (std::none_of(host.sources().begin(), host.sources().end(), named)) {
      faults->Add(Join(path, absl::StrCat("sources[", i, "]")),
                  absl::StrCat("\"", plugin.sources(i),
                               "\" is the id of no source; name one of "
                               "`sources`, or remove it"));
    }
  }
}

const SourceConfig* SourceWithoutFlowControl(const PluginConfig& plugin,
                                             const HostConfig& host) {
  for (const SourceConfig& source : host.sources()) {
    if (!HasFlowControl(source) && Feeds(source, plugin.sources())) {
      return &source;
    }
  }
  return nullptr;
}

void CheckHostConfig(const HostConfig& config, FaultList* faults) {
  CheckFieldRules(config, "", faults);
  CheckListeners(config, faults);
  CheckTls(config, faults);
  CheckSources(config, faults);
  CheckPlugins(config, faults);
  CheckSinks(config, faults);
}

}  // namespace weir
