#include "host/steward/outbox_set.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/status/error_info.h"

namespace weir {

void OutboxSet::Add(std::unique_ptr<NodeOutbox> outbox) {
  outbox->Start();
  outboxes_.push_back(std::move(outbox));
}

void OutboxSet::Stop(absl::Duration limit) {
  std::vector<std::thread> threads;
  for (const auto& outbox : outboxes_) {
    threads.emplace_back([&outbox, limit] { outbox->Stop(limit); });
  }
  for (std::thread& thread : threads) thread.join();
}

NodeOutbox* OutboxSet::FindNode(absl::string_view source) const {
  for (const auto& outbox : outboxes_) {
    if (outbox->source() == source) return outbox.get();
  }
  return nullptr;
}

std::vector<std::string> OutboxSet::sources() const {
  std::vector<std::string> names;
  for (const auto& outbox : outboxes_) names.push_back(outbox->source());
  return names;
}

absl::StatusOr<std::vector<UndeliveredMessage>> OutboxSet::ListUndelivered(
    absl::string_view source, uint64_t after, size_t limit) {
  NodeOutbox* const outbox = FindNode(source);
  if (outbox == nullptr) return NotFound(source);
  return outbox->ListUndelivered(after, limit);
}

absl::Status OutboxSet::Resend(absl::string_view source,
                               const std::vector<uint64_t>& numbers) {
  NodeOutbox* const outbox = FindNode(source);
  if (outbox == nullptr) return NotFound(source);
  return outbox->Resend(numbers);
}

absl::Status OutboxSet::NotFound(absl::string_view source) const {
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("no source \"", source,
                   "\" sends; those that do are nodes with steward.sending"),
      {.reason = "SOURCE_NOT_FOUND",
       .metadata = {{"name", std::string(source)}}});
}

}  // namespace weir
