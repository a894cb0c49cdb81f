#ifndef WEIR_CLI_STEWARD_MESSAGES_H_
#define WEIR_CLI_STEWARD_MESSAGES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "weir/v1/steward.pb.h"

namespace weir::cli {

// Reads messages as steward and ctrl take them on their sockets: a list of
// them, or one, in YAML or in JSON, which is YAML too, with the names of their
// JSON form (`toNode`, `ACKTimeout`) or of the API (`to_node`). `data` is
// base64, as in their JSON, or a list of texts, as in that of S0. A null is as
// if it were not there.
//
// Returns InvalidArgument with `name`, which is the file's, the line, the field
// and what is wrong.
absl::Status ReadStewardMessages(absl::string_view name,
                                 const std::string& text,
                                 weir::v1::SendMessagesRequest* request);

}  // namespace weir::cli

#endif  // WEIR_CLI_STEWARD_MESSAGES_H_
