#ifndef WEIR_HOST_RPC_PAGE_TOKEN_H_
#define WEIR_HOST_RPC_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "weir/v1/event.pb.h"

namespace weir {

// The token of the page of events that follows `cursor`. It holds for these
// `filters` only: with others, the next page would be one of another list.
std::string MakePageToken(
    absl::string_view cursor,
    const google::protobuf::RepeatedPtrField<v1::EventFilter>& filters);

// Returns the cursor in `token`.
//
// Returns InvalidArgument / INVALID_FIELD of `page_token` if it is none of
// ours, or of other filters: repeat the filters, or begin anew.
absl::StatusOr<std::string> CursorOfPageToken(
    absl::string_view token,
    const google::protobuf::RepeatedPtrField<v1::EventFilter>& filters);

}  // namespace weir

#endif  // WEIR_HOST_RPC_PAGE_TOKEN_H_
