#include "host/server_from_config.h"

#include <cstdlib>

namespace weir {

ServerOptions MakeServerOptions(const v1::HostConfig& config) {
  ServerOptions options;
  for (const v1::Listener& listener : config.listeners()) {
    ListenerOptions& out = options.listeners.emplace_back();
    if (listener.address_case() == v1::Listener::kUnix) {
      out.unix_path = listener.unix();
      out.unix_mode = static_cast<uint32_t>(
          std::strtoul(listener.mode().c_str(), nullptr, 8));
      out.unix_group = listener.group();
    } else {
      out.tcp = listener.tcp();
    }
  }
  options.max_streams_per_connection =
      config.limits().max_streams_per_connection();
  options.memory_bytes = config.limits().grpc_memory_bytes();
  return options;
}

Access::Options MakeAccessOptions(const v1::HostConfig& config) {
  Access::Options options;
  for (const v1::Listener& listener : config.listeners()) {
    if (listener.address_case() == v1::Listener::kUnix &&
        listener.unix_role() != v1::ROLE_UNSPECIFIED) {
      options.unix_role = static_cast<Role>(listener.unix_role());
    }
  }
  if (config.security().loopback_role() != v1::ROLE_UNSPECIFIED) {
    options.loopback_role =
        static_cast<Role>(config.security().loopback_role());
  }
  options.anonymous_role =
      static_cast<Role>(config.security().anonymous_role());
  return options;
}

LogOptions MakeLogOptions(const v1::LoggingConfig& config) {
  LogOptions options;
  if (config.level() != v1::SEVERITY_UNSPECIFIED) {
    options.level = static_cast<Severity>(config.level());
  }
  switch (config.format()) {
    case v1::LoggingConfig::FORMAT_JSON:
      options.format = LogFormat::kJson;
      break;
    case v1::LoggingConfig::FORMAT_JOURNALD:
      options.format = LogFormat::kJournald;
      break;
    default:
      options.format = LogFormat::kText;
  }
  options.file = config.file();
  return options;
}

}  // namespace weir
