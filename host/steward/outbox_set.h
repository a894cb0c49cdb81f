#ifndef WEIR_HOST_STEWARD_OUTBOX_SET_H_
#define WEIR_HOST_STEWARD_OUTBOX_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/steward_outbox.h"
#include "host/control/steward_outboxes.h"
#include "host/control/steward_undelivered.h"
#include "host/steward/node_outbox.h"

namespace weir {

// The outboxes of all nodes that send. Add before anything else is called; then
// it is thread-safe.
class OutboxSet final : public StewardOutboxes, public StewardUndelivered {
 public:
  // Starts it. The names of their sources are unique.
  void Add(std::unique_ptr<NodeOutbox> outbox);
  // Of all at once, as of NodeOutbox; by one thread.
  void Stop(absl::Duration limit);

  StewardOutbox* Find(absl::string_view source) override {
    return FindNode(source);
  }
  NodeOutbox* FindNode(absl::string_view source) const;
  std::vector<std::string> sources() const override;

  absl::StatusOr<std::vector<UndeliveredMessage>> ListUndelivered(
      absl::string_view source, uint64_t after, size_t limit) override;
  absl::Status Resend(absl::string_view source,
                      const std::vector<uint64_t>& numbers) override;

 private:
  absl::Status NotFound(absl::string_view source) const;

  std::vector<std::unique_ptr<NodeOutbox>> outboxes_;
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_OUTBOX_SET_H_
