#include "host/config/host_config_check.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "host/config/check_parts.h"
#include "host/config/field_rules.h"
#include "host/config/host_port.h"
#include "host/config/plugin_settings.h"
#include "host/config/sink_config_check.h"
#include "host/config/source_config_check.h"
#include "host/config/walk_fields.h"

namespace weir {
namespace {

using v1::HostConfig;
using v1::Listener;
using v1::PluginConfig;
using v1::SourceConfig;

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
