#ifndef WEIR_HOST_CONFIG_EFFECTIVE_CONFIG_H_
#define WEIR_HOST_CONFIG_EFFECTIVE_CONFIG_H_

#include "host/config/environment.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Returns `written` with every default of the schema's comments filled in: what
// the host really does. Whoever reads a setting after this needs no default of
// its own.
//
// Three things stay as they are written:
//
//  * what this version does not serve (not_served_yet.h);
//  * `plugins.plugins`: an unset field there means "what name.yaml says, else
//    plugins.defaults", which is filled; see plugin_settings.h;
//  * what has no default that could be written: a plugin's own capacity, the
//    format that a recording's header names, an unset filter.
//
// Filling in twice changes nothing more. Only `environment`'s names are asked
// for. Takes any message, also one with faults. Pure.
v1::HostConfig EffectiveConfig(const v1::HostConfig& written,
                               const Environment& environment);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_EFFECTIVE_CONFIG_H_
