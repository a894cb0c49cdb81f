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
  return Post(*std::move(passed_on), std::move(kept));
}

absl::Status StewardRelay::PassBack(const steward::Message& message) {
  if (!steward::IsOfRelay(message, outbox_.node())) return absl::OkStatus();
  absl::StatusOr<steward::Message> copy =
      steward::PassBack(message, outbox_.node());
  if (!copy.ok()) return Refuse(copy.status(), Refusal::kRelay);
  return Post(*std::move(copy), [](const absl::Status&) {});
}

absl::Status StewardRelay::Post(steward::Message message, Kept kept) {
  absl::Status status =
      PostMessage(outbox_, std::move(message), std::move(kept));
  return status.ok() ? status
                     : Refuse(std::move(status), Refusal::kRelayFailed);
}

}  // namespace weir
