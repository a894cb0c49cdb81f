#ifndef WEIR_HOST_SERVER_FROM_CONFIG_H_
#define WEIR_HOST_SERVER_FROM_CONFIG_H_

#include "host/log/log.h"
#include "host/rpc/access.h"
#include "host/rpc/server.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Turns the parts of a configuration that has its defaults and no faults into
// what the rooms take.
ServerOptions MakeServerOptions(const v1::HostConfig& config);
Access::Options MakeAccessOptions(const v1::HostConfig& config);
LogOptions MakeLogOptions(const v1::LoggingConfig& config);

}  // namespace weir

#endif  // WEIR_HOST_SERVER_FROM_CONFIG_H_
