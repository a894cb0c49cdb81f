#ifndef WEIR_HOST_RPC_POISON_CONVERT_H_
#define WEIR_HOST_RPC_POISON_CONVERT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/poison_message.h"
#include "host/control/poison_replay.h"
#include "host/control/trial_result.h"
#include "weir/v1/plugin.pb.h"

// The border between poison messages as host/control has them and their protos.
// Pure functions.
namespace weir {

// Which one a name means. A value.
struct PoisonName {
  std::string plugin;  // "plugins/counts"
  uint64_t number = 0;
};

// Reads "plugins/{plugin}/poisonMessages/{number}". Returns InvalidArgument /
// INVALID_FIELD, for the field `name`, for anything else.
absl::StatusOr<PoisonName> ParsePoisonName(absl::string_view name);

// Without the payload.
void ToProto(const PoisonMessage& poison, v1::PoisonMessage* out);

// Fills the page that `request` asks for with what there is of `all`, which is
// newest first. A token names the last one of the page before and when it was
// seen last; so what comes meanwhile, and stands before it, shifts nothing.
//
// Returns InvalidArgument / INVALID_FIELD for a negative page_size, or a token
// that is none.
absl::Status FillPage(const std::vector<PoisonMessage>& all,
                      const v1::ListPoisonMessagesRequest& request,
                      v1::ListPoisonMessagesResponse* response);

// What is to be tried. Returns InvalidArgument / INVALID_FIELD with the first
// field at fault: `name`, `module` if it is a path, `deadline` if it is not
// above 0 s and at most 60 s.
absl::StatusOr<PoisonReplay> ToReplay(
    const v1::ReplayPoisonMessageRequest& request);

void ToProto(const TrialResult& result, v1::ReplayPoisonMessageResponse* out);

}  // namespace weir

#endif  // WEIR_HOST_RPC_POISON_CONVERT_H_
