#include "host/source/nats_source.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace weir {

NatsSource::NatsSource(NatsOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      connection_(options_),
      description_{.kind = "nats", .endpoint = connection_.endpoint()} {}

absl::Status NatsSource::Connect() {
  std::vector<NatsConnection::Subscription> subscriptions;
  for (const std::string& subject : options_.subjects) {
    subscriptions.push_back({subject, options_.queue_group});
  }
  return connection_.Connect(subscriptions);
}

absl::Status NatsSource::Read(FrameBatch* batch) {
  messages_.clear();
  absl::Status status = connection_.Take(std::numeric_limits<size_t>::max(),
                                         kBatchBytes, &messages_);
  if (!status.ok()) {
    if (!absl::IsCancelled(status)) connection_.Disconnect();
    return status;
  }
  for (natsMsg* message : messages_) {
    batch->frames.emplace_back(
        natsMsg_GetData(message),
        static_cast<size_t>(natsMsg_GetDataLength(message)));
    batch->subjects.emplace_back(natsMsg_GetSubject(message));
  }
  batch->received_at = clock_.Now();
  return absl::OkStatus();
}

void NatsSource::Interrupt() { connection_.Interrupt(); }

void NatsSource::Rearm() { connection_.Rearm(); }

Source::Progress NatsSource::GetProgress() const {
  Progress progress;
  if (const uint64_t dropped = connection_.dropped(); dropped > 0) {
    progress.skipped_by_reason["pending_limit"] = dropped;
  }
  if (const uint64_t count = connection_.too_long(); count > 0) {
    progress.skipped_by_reason["too_long"] = count;
  }
  return progress;
}

}  // namespace weir
