// Whatever a child leaves in its ring: the host reads no more than what is
// there, comes to an end, and an event that it can read is the same after it
// was written again. The first four bytes of the input are how many bytes the
// child says it wrote; the rest is the begin of the ring.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_event.h"
#include "host/plugin/child_ring.h"
#include "host/plugin/event_check.h"

namespace {

// Returns whether there was another record.
bool TakeOne(weir::ChildRingReader& reader) {
  absl::StatusOr<std::optional<weir::ChildRingReader::Record>> record =
      reader.Take();
  if (!record.ok() || !record->has_value()) return false;
  if ((*record)->kind != weir::ChildRecord::kEvent) return true;
  const auto event = weir::ChildEvent::Decode(std::move((*record)->body));
  if (event == nullptr) return true;
  const std::string bytes = weir::EncodeChildEvent(event->event());
  const auto again = weir::ChildEvent::Decode(bytes);
  if (again == nullptr || weir::EncodeChildEvent(again->event()) != bytes) {
    std::abort();
  }
  const bool fine = weir::CopyPluginEvent(event->event()).ok();
  if (weir::CopyPluginEvent(again->event()).ok() != fine) std::abort();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t tail = 0;
  if (size < sizeof(tail)) return 0;
  std::memcpy(&tail, data, sizeof(tail));
  size -= sizeof(tail);
  // The same for all inputs: what one left is what the next may find.
  static weir::ChildRing& ring = *new weir::ChildRing;
  if (size > 0) {
    std::memcpy(ring.bytes, data + sizeof(tail),
                std::min(size, sizeof(ring.bytes)));
  }
  ring.tail = tail;
  weir::ChildRingReader reader(ring);
  size_t records = 0;
  while (TakeOne(reader)) {
    if (++records > sizeof(ring.bytes) / 8) std::abort();
  }
  return 0;
}
