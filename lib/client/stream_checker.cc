#include "lib/client/stream_checker.h"

#include "absl/strings/str_cat.h"

namespace weir::client {
namespace {

// Whether the ids that follow the hole count from somewhere lower: the log was
// recreated, or lost the tail that this client had seen.
bool StartsOver(const weir::v1::SubscribeResponse::Gap& gap) {
  using Gap = weir::v1::SubscribeResponse::Gap;
  return gap.reason() == Gap::REASON_EPOCH_CHANGED ||
         gap.reason() == Gap::REASON_POSITION_IN_FUTURE;
}

}  // namespace

void StreamChecker::Begin() { next_batch_index_ = 1; }

absl::Status StreamChecker::Check(const weir::v1::SubscribeResponse& response) {
  if (response.batch_index() != next_batch_index_) {
    return absl::DataLossError(absl::StrCat("batch_index ",
                                            response.batch_index(), " where ",
                                            next_batch_index_, " was due"));
  }
  const bool first = next_batch_index_ == 1;
  if (first != response.has_hello()) {
    return absl::DataLossError(
        first ? "the stream does not begin with hello"
              : absl::StrCat("a second hello at batch_index ",
                             response.batch_index()));
  }
  if (response.cursor().empty()) {
    return absl::DataLossError(absl::StrCat(
        "no cursor in the message with batch_index ", response.batch_index()));
  }
  ++next_batch_index_;
  if (first && response.hello().epoch() != epoch_) {
    epoch_ = response.hello().epoch();
    ForgetSeen();
  }
  if (response.has_gap() && StartsOver(response.gap())) ForgetSeen();
  return absl::OkStatus();
}

bool StreamChecker::IsNew(const weir::v1::Event& event) {
  if (event.seq() <= last_seq_) return false;
  last_seq_ = event.seq();
  return true;
}

}  // namespace weir::client
