#ifndef WEIR_HOST_NATS_NATS_OPTIONS_H_
#define WEIR_HOST_NATS_NATS_OPTIONS_H_

#include <nats.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir {

struct NatsServerOptions {
  // "nats://127.0.0.1:4222" or "tls://...", tried in this order. A user and
  // password in it are used and not shown.
  std::vector<std::string> servers;
  std::string credentials_file;  // .creds; empty is none.
  // With the seed of a user's nkey, read at each connect; empty is none.
  std::string nkey_seed_file;
  // Messages that wait for their reader. cnats' own default.
  size_t pending_limit = 65536;
  size_t max_payload_bytes = size_t{2} << 20;
  // Dial and greeting, for each server. cnats' own default.
  absl::Duration connect_timeout = absl::Seconds(2);
  std::string ca_file;    // PEM; empty is the system's.
  std::string cert_file;  // PEM; the client's own, if the server wants one.
  std::string key_file;
  // What the server's certificate must be for; empty is the address's host.
  std::string server_name;
  bool insecure_skip_verify = false;  // Tests only.
};

// What cannot be used of NatsServerOptions.
struct NatsOptionFault {
  natsStatus code = NATS_OK;  // NATS_OK: there is nothing.
  // "servers", "credentials_file", "nkey_seed_file", "ca_file" or "cert_file,
  // key_file".
  absl::string_view field;
  // What is wrong and what helps, after the field's name.
  std::string why;
};

// Sets the options of a connection that connects once, and not again of its
// own, and delivers the messages of all subscriptions in one order: all options
// but the callbacks. `wanted` must outlive the connecting.
NatsOptionFault ConfigureNats(const NatsServerOptions& wanted,
                              natsOptions* options);

// The servers without credentials, for people.
std::string NatsEndpoint(const std::vector<std::string>& servers);

}  // namespace weir

#endif  // WEIR_HOST_NATS_NATS_OPTIONS_H_
