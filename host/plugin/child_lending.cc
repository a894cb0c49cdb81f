#include "host/plugin/child_lending.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "weir/plugin_abi.h"

namespace weir {
namespace {

constexpr size_t Aligned(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

// Copies the view, the fields, and all that they may point to. Returns false if
// there is no room for that behind the first `used` bytes.
bool Spill(const weir_msg& view, ChildChannel& channel, size_t& used,
           ChildDescriptor& at) {
  const size_t fields = view.n_fields * sizeof(weir_field);
  const size_t data = std::max(view.base_len, view.data_len);
  const size_t total = sizeof(weir_msg) + fields + Aligned(data);
  if (total > sizeof(channel.spill) - used) return false;
  const size_t fields_at = used + sizeof(weir_msg);
  const size_t data_at = fields_at + fields;
  if (fields > 0) std::memcpy(channel.spill + fields_at, view.fields, fields);
  if (data > 0) std::memcpy(channel.spill + data_at, view.base, data);
  weir_msg copy = view;
  constexpr size_t kSpill = offsetof(ChildChannel, spill);
  // Not addresses of this process: the child adds where its channel is.
  // NOLINTBEGIN(performance-no-int-to-ptr)
  copy.fields = reinterpret_cast<const weir_field*>(kSpill + fields_at);
  copy.base = reinterpret_cast<const uint8_t*>(kSpill + data_at);
  // NOLINTEND(performance-no-int-to-ptr)
  std::memcpy(channel.spill + used, &copy, sizeof(copy));
  at = {used, 1, 0};
  used += total;
  return true;
}

}  // namespace

size_t LendMessages(absl::Span<const Message* const> messages, size_t most,
                    const SharedArena* arena, ChildChannel& channel) {
  most = std::min({messages.size(), most, size_t{ChildChannel::kMaxRun}});
  size_t spilled = 0;
  size_t n = 0;
  for (; n < most; ++n) {
    // All of a message lies in one slab, and so all of it in the arena.
    const weir_msg& view = messages[n]->view;
    const std::optional<uint64_t> offset =
        arena == nullptr ? std::nullopt : arena->OffsetOf(&view, sizeof(view));
    if (offset.has_value()) {
      channel.run[n] = {*offset, 0, 0};
    } else if (!Spill(view, channel, spilled, channel.run[n])) {
      break;
    }
    channel.failed[n].store(0, std::memory_order_relaxed);
  }
  channel.inflight.store(0, std::memory_order_relaxed);
  channel.head.store(0, std::memory_order_relaxed);
  return n;
}

}  // namespace weir
