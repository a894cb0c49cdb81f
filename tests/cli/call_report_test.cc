#include "cli/call_report.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/client/call_status.h"

namespace weir {
namespace {

using client::CallStatus;
using grpc::StatusCode;

TEST(CallReportTest, SaysWhatFailedAndWhatToDo) {
  struct Case {
    const char* why;
    CallStatus status;
    std::string want;
  };
  for (const Case& c : std::vector<Case>{
           {"reason and cure",
            {.code = StatusCode::NOT_FOUND,
            .message = "plugins/x is not there",
            .reason = "PLUGIN_NOT_FOUND"},
            "NOT_FOUND: plugins/x is not there (PLUGIN_NOT_FOUND); weir "
            "plugins list shows what there is"},
           {"every fault of a field",
            {.code = StatusCode::INVALID_ARGUMENT,
            .message = "bad filter",
            .reason = "INVALID_FIELD",
            .violations = {{"filters[0].prefixes[1]", "host bits are set"}}},
            "INVALID_ARGUMENT: bad filter (INVALID_FIELD); "
            "filters[0].prefixes[1]: host bits are set"},
           {"no line or colour of the server's own",
            {.code = StatusCode::INTERNAL, .message = "a\n\x1b[2J"},
            "INTERNAL: a\\n\\x1b[2J"},
           {"an older server",
            {.code = StatusCode::UNIMPLEMENTED, .message = ""},
            "UNIMPLEMENTED: ; the server is older than this weir, or is no "
            "weir host"},
           {"a host that does not resolve",
            {.code = StatusCode::UNAVAILABLE,
            .message = "DNS resolution failed for nowhere"},
            "cannot connect to HOST:1: DNS resolution failed for nowhere; "
            "check the address given with --server"},
       }) {
    EXPECT_EQ(cli::DescribeFailure(c.status, "HOST:1"), c.want) << c.why;
  }
}

}  // namespace
}  // namespace weir
