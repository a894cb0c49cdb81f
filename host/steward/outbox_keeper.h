#ifndef WEIR_HOST_STEWARD_OUTBOX_KEEPER_H_
#define WEIR_HOST_STEWARD_OUTBOX_KEEPER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/steward/outbox_intake.h"
#include "host/steward/outbox_store.h"
#include "host/steward/outgoing.h"
#include "host/steward/steward_sender.h"
#include "host/sync/clock.h"

namespace weir {

// What a StewardSender asks of the log of a node, and says of it: it reads the
// messages from the file, as they are published, and collects what is settled
// until the node notes that there. Of one thread, the sender's.
class OutboxKeeper final : public StewardSender::Keeper {
 public:
  // All must outlive it.
  OutboxKeeper(const StewardIdentity& identity, OutboxStore& store,
               const Clock& clock)
      : identity_(identity), store_(store), clock_(clock) {}

  absl::StatusOr<Outgoing> Load(uint64_t number) override;
  void Settled(uint64_t number, StewardSender::Outcome outcome,
               absl::string_view why) override;

  // What is not yet noted in the file.
  std::vector<uint64_t> delivered;
  std::vector<OutboxStore::GivenUp> given_up;  // Without their bodies.

 private:
  const StewardIdentity& identity_;
  OutboxStore& store_;
  const Clock& clock_;
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_OUTBOX_KEEPER_H_
