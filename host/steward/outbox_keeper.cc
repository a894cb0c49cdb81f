#include "host/steward/outbox_keeper.h"

#include <string>

#include "lib/steward/message_codec.h"

namespace weir {

absl::StatusOr<Outgoing> OutboxKeeper::Load(uint64_t number) {
  const absl::StatusOr<std::string> body = store_.Body(number);
  if (!body.ok()) return body.status();
  const auto decoded = steward::DecodeMessage(*body);
  if (!decoded.ok()) return decoded.status();
  return MakeOutgoing(decoded->message, identity_.profile,
                      identity_.compression);
}

void OutboxKeeper::Settled(uint64_t number, StewardSender::Outcome outcome,
                           absl::string_view why) {
  if (outcome == StewardSender::Outcome::kDelivered) {
    delivered.push_back(number);
    return;
  }
  given_up.push_back({.number = number,
                      .time = clock_.Now(),
                      .reason = std::string(why),
                      .body = ""});
}

}  // namespace weir
