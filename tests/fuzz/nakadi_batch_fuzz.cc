// A line of a Nakadi stream, whatever it is: it is refused, or its events lie
// one behind the other within it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/nakadi/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::nakadi::BatchReader;
  // As in the stream: there are readable bytes behind the line, and these may
  // be anything.
  std::vector<char> bytes(size + BatchReader::kPadding, '}');
  std::copy(data, data + size, bytes.begin());
  const absl::string_view line(bytes.data(), size);
  BatchReader reader;
  weir::nakadi::BatchLine batch;
  std::vector<absl::string_view> events, times;
  if (!reader.Read(line, &batch, &events, &times).ok()) return 0;
  if (events.size() != batch.count || times.size() != batch.count) abort();
  if (batch.partition.empty() || batch.offset.empty()) abort();
  const char* at = line.data();
  for (const absl::string_view event : events) {
    if (event.empty() || event.data() < at) abort();
    at = event.data() + event.size();
    if (at > line.data() + line.size()) abort();
  }
  if (batch.count > 0 &&
      (batch.events.front() != '[' || batch.events.back() != ']' ||
       batch.events.data() < line.data() ||
       batch.events.data() + batch.events.size() > line.data() + line.size())) {
    abort();
  }
  return 0;
}
