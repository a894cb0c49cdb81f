#ifndef WEIR_HOST_NATS_FROM_CONFIG_H_
#define WEIR_HOST_NATS_FROM_CONFIG_H_

#include "host/nats/nats_options.h"
#include "weir/v1/config.pb.h"

namespace weir {

// What NatsSource, JetStreamSource and NatsSink say alike of their server.
template <typename Config>
NatsServerOptions MakeNatsServerOptions(const Config& config) {
  NatsServerOptions options;
  options.servers = {config.servers().begin(), config.servers().end()};
  options.credentials_file = config.credentials_file();
  options.nkey_seed_file = config.nkey_seed_file();
  options.ca_file = config.tls().ca_file();
  options.cert_file = config.tls().cert_file();
  options.key_file = config.tls().key_file();
  options.server_name = config.tls().server_name();
  options.insecure_skip_verify = config.tls().insecure_skip_verify();
  return options;
}

}  // namespace weir

#endif  // WEIR_HOST_NATS_FROM_CONFIG_H_
