#include "lib/steward/refusal.h"

#include <optional>

#include "absl/strings/cord.h"

namespace weir::steward {
namespace {

constexpr absl::string_view kPayload = "weir.steward/refusal";

}  // namespace

absl::Status Refuse(absl::Status status, absl::string_view reason) {
  status.SetPayload(kPayload, absl::Cord(reason));
  return status;
}

std::string RefusalOf(const absl::Status& status) {
  const absl::optional<absl::Cord> reason = status.GetPayload(kPayload);
  return reason.has_value() ? std::string(*reason)
                            : std::string(Refusal::kCbor);
}

}  // namespace weir::steward
