#ifndef WEIR_HOST_CONFIG_HOST_CONFIG_CHECK_H_
#define WEIR_HOST_CONFIG_HOST_CONFIG_CHECK_H_

#include <string>

#include "host/config/fault_list.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Checks a configuration as a whole: each field for itself (field_rules.h), and
// what one says of another:
//
//  * ids are unique; what is named, exists
//  * a listener off loopback has TLS or says that it is insecure; settings of
//    Unix sockets are on Unix sockets, two listeners have two addresses
//  * a source and a sink have a kind; no delay begins beyond its maximum
//  * a certificate has its key
//  * a slot with the policy `block` is fed by no source without flow control
//  * a soft deadline is not after the hard one, a capacity within the maximum,
//    and the longest payload within what may be queued
//
// `config` has its defaults (EffectiveConfig). What is on this machine, such as
// whether a folder exists, is not looked at: that is for who opens it.
void CheckHostConfig(const v1::HostConfig& config, FaultList* faults);

// Checks what holds for one slot, `plugin`, against the host it is in. Part of
// CheckHostConfig for the entries there; call it for what MergePluginConfig
// made of them and name.yaml.
//
// `path` is that of the plugin in its file, "" for all of name.yaml.
void CheckPluginInHost(const v1::PluginConfig& plugin,
                       const v1::HostConfig& host, const std::string& path,
                       FaultList* faults);

// Returns the first of the sources that feed `plugin` that cannot be made to
// wait, so that its policy must not be `block`; null if all can.
const v1::SourceConfig* SourceWithoutFlowControl(const v1::PluginConfig& plugin,
                                                 const v1::HostConfig& host);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_HOST_CONFIG_CHECK_H_
