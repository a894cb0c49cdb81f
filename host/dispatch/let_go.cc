#include "host/dispatch/let_go.h"

#include <cstddef>
#include <cstdint>

#include "host/pipeline/message_batch.h"

namespace weir {
namespace {

// Calls `before` with each batch before the holds on it end.
template <typename Before>
void LetGoEach(absl::Span<const Message* const> messages,
               const Before& before) {
  for (size_t at = 0; at < messages.size();) {
    MessageBatch* const batch = messages[at]->batch;
    const size_t begin = at;
    while (at < messages.size() && messages[at]->batch == batch) ++at;
    before(*batch);
    batch->LetGo(static_cast<uint32_t>(at - begin));
  }
}

}  // namespace

void LetGo(absl::Span<const Message* const> messages) {
  LetGoEach(messages, [](MessageBatch& batch) { batch.MarkHandled(); });
}

void LetGoUnwanted(absl::Span<const Message* const> messages) {
  LetGoEach(messages, [](MessageBatch&) {});
}

void LetGoLost(absl::Span<const Message* const> messages) {
  LetGoEach(messages, [](MessageBatch& batch) { batch.MarkLost(); });
}

void LetGoAbandoned(absl::Span<const Message* const> messages) {
  LetGoEach(messages, [](MessageBatch& batch) {
    batch.MarkLost();
    batch.KeepMemory();
  });
}

}  // namespace weir
