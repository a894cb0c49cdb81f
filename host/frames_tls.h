#ifndef WEIR_HOST_FRAMES_TLS_H_
#define WEIR_HOST_FRAMES_TLS_H_

#include "lib/frames/tls_options.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Returns `config` in the words of lib/frames, for a source and a sink.
inline frames::TlsOptions FramesTlsOf(const v1::TlsConfig& config) {
  frames::TlsOptions options;
  options.cert_file = config.cert_file();
  options.key_file = config.key_file();
  options.ca_file = config.ca_file();
  options.server_name = config.server_name();
  options.insecure_skip_verify = config.insecure_skip_verify();
  return options;
}

}  // namespace weir

#endif  // WEIR_HOST_FRAMES_TLS_H_
