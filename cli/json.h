#ifndef WEIR_CLI_JSON_H_
#define WEIR_CLI_JSON_H_

#include <ostream>

#include "google/protobuf/message.h"

namespace weir::cli {

enum class Defaults { kOmit, kPrint };

// Writes `message` as one line of protobuf JSON with the field names of the
// .proto files, and flushes it. Defaults::kPrint also writes numbers that are
// zero and lists that are empty, so that a program need not know which there
// are.
void PrintJson(const google::protobuf::Message& message, Defaults defaults,
               std::ostream& out);

}  // namespace weir::cli

#endif  // WEIR_CLI_JSON_H_
