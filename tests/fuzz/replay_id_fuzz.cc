// Whatever text comes: what is taken for a replay ID is written again as the
// same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "host/broker/replay_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = weir::ParseReplayId(text, "after_id");
  if (id.ok() && weir::FormatReplayId(id->epoch, id->seq) != text) std::abort();
  return 0;
}
