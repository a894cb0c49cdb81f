#include "host/source/steward_relay.h"

#include <utility>

#include "absl/status/statusor.h"
#include "host/source/post_message.h"
#include "lib/steward/refusal.h"
#include "lib/steward/relay.h"

namespace weir {

using steward::Refusal;
using steward::Refuse;

bool StewardRelay::IsToPassOn(const steward::Message& message) {
  return message.method == steward::kRelayMethod;
}

absl::Status StewardRelay::PassOn(const steward::Message& message, Kept kept) {
  absl::StatusOr<steward::Message> passed_on =
      steward::PassOn(message, outbox_.node());
  if (!passed_on.ok()) return Refuse(passed_on.status(), Refusal::kRelay);
  const absl::Status status = Post(*std::move(passed_on), std::move(kept));
  if (status.ok()) relayed_.fetch_add(1);
  return status;
}

absl::Status StewardRelay::PassBack(const steward::Message& message) {
  if (!steward::IsOfRelay(message, outbox_.node())) return absl::OkStatus();
  absl::StatusOr<steward::Message> copy =
      steward::PassBack(message, outbox_.node());
  if (!copy.ok()) return Refuse(copy.status(), Refusal::kRelay);
  const absl::Status status =
      Post(*std::move(copy), [](const absl::Status&) {});
  if (status.ok()) relayed_back_.fetch_add(1);
  return status;
}

std::map<std::string, uint64_t> StewardRelay::counters() const {
  std::map<std::string, uint64_t> counters;
  if (const uint64_t n = relayed_.load(); n > 0) counters["relayed"] = n;
  if (const uint64_t n = relayed_back_.load(); n > 0) {
    counters["relayed_back"] = n;
  }
  return counters;
}

absl::Status StewardRelay::Post(steward::Message message, Kept kept) {
  absl::Status status =
      PostMessage(outbox_, std::move(message), std::move(kept));
  if (status.ok()) return status;
  // What cannot be sent at all was wrong when it came.
  const bool wrong = absl::IsInvalidArgument(status);
  return Refuse(std::move(status),
                wrong ? Refusal::kRelay : Refusal::kRelayFailed);
}

}  // namespace weir
