#ifndef WEIR_SIM_GZIP_ENCODER_H_
#define WEIR_SIM_GZIP_ENCODER_H_

#include <zlib.h>

#include <string>

#include "absl/strings/string_view.h"

namespace weir::sim {

// Compresses a stream piece by piece, so that each can be read as soon as it
// has arrived. Not thread-safe.
class GzipEncoder {
 public:
  GzipEncoder();
  ~GzipEncoder();

  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;

  // Returns what to send for `piece`.
  std::string Add(absl::string_view piece);

  // Returns what to send at a clean end. Nothing may be added after it.
  std::string Finish();

 private:
  std::string Deflate(absl::string_view piece, int flush);

  z_stream stream_ = {};
};

}  // namespace weir::sim

#endif  // WEIR_SIM_GZIP_ENCODER_H_
