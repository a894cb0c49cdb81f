#ifndef WEIR_CLI_CALL_REPORT_H_
#define WEIR_CLI_CALL_REPORT_H_

#include <grpcpp/support/status.h>

#include <string>

#include "cli/session.h"
#include "lib/client/call_status.h"

namespace weir::cli {

// Returns one line that says why a call to `server` did not work: code,
// message, reason, the faults of single fields, and the cure where one is
// known. What the server wrote is escaped.
std::string DescribeFailure(const client::CallStatus& status,
                            const std::string& server);

// Writes that line to session.err, after "weir: ", and returns kRefused.
int ReportFailure(const client::CallStatus& status, const Session& session);
int ReportFailure(const grpc::Status& status, const Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_CALL_REPORT_H_
