#ifndef WEIR_LIB_FRAMES_TLS_OPTIONS_H_
#define WEIR_LIB_FRAMES_TLS_OPTIONS_H_

#include <string>

namespace weir::frames {

// TLS 1.2 or later, for one side of a connection. All files are PEM, and read
// again for the next connection after they changed.
struct TlsOptions {
  // The own certificate with its chain, and its key, which has no passphrase.
  // Both or none; who listens needs them.
  std::string cert_file;
  std::string key_file;
  // Who listens: what the certificates of peers must chain to; empty: peers
  // need none. Who dials: what the peer's must chain to; empty: the system's.
  std::string ca_file;
  // Who dials: the name, or address, that the peer's certificate is for; empty:
  // the host of the address that is dialled.
  std::string server_name;
  // Who dials: takes any certificate. For tests.
  bool insecure_skip_verify = false;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_TLS_OPTIONS_H_
