#include "cli/call_report.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/escape.h"

namespace weir::cli {
namespace {

struct Cure {
  absl::string_view reason;
  absl::string_view text;
};

// What a person at a prompt can do about it.
constexpr Cure kCures[] = {
    {"INVALID_REPLAY_ID",
     "an ID looks like 6f1c-4711; without one use --from latest or earliest"},
    {"REPLAY_POSITION_EXPIRED", "start again with --from earliest"},
    {"REPLAY_EPOCH_MISMATCH",
     "the log was recreated; start again with --from earliest"},
    {"REPLAY_POSITION_IN_FUTURE",
     "the ID is of another log; start again with --from earliest"},
    {"INVALID_FILTER_REGEX", "regexes are written as RE2 takes them"},
    {"SUBSCRIPTION_NOT_FOUND", "weir subscriptions list shows what there is"},
    {"SUBSCRIPTION_EXISTS", "choose another name, or delete it first"},
    {"SUBSCRIPTION_BUSY", "--takeover detaches the other consumer"},
    {"PLUGIN_NOT_FOUND", "weir plugins list shows what there is"},
    {"PLUGIN_EXISTS",
     "weir plugins reload or upgrade changes one that is loaded"},
    {"PLUGIN_QUARANTINED", "weir plugins release ends a quarantine"},
    {"PLUGIN_BUSY", "another change of it is at work; try again"},
    {"ETAG_MISMATCH", "weir plugins get shows what it is now, and its etag"},
    {"SOURCE_NOT_FOUND", "weir sources list shows what there is"},
    {"TOO_MANY_SUBSCRIBERS",
     "end another stream, or raise limits.max_subscribers of the host"},
    {"TOO_MANY_SUBSCRIPTIONS",
     "delete one, or raise limits.max_subscriptions of the host"},
    {"ROLE_REQUIRED", "use the host's Unix socket, --server unix:///path"},
};

absl::string_view CureFor(const client::CallStatus& status) {
  for (const Cure& cure : kCures) {
    if (cure.reason == status.reason) return cure.text;
  }
  if (status.code == grpc::StatusCode::UNIMPLEMENTED) {
    return "the server is older than this weir, or is no weir host";
  }
  return "";
}

// Whether gRPC says so because there is nobody to connect to.
bool NobodyListens(const client::CallStatus& status) {
  return status.code == grpc::StatusCode::UNAVAILABLE &&
         status.reason.empty() &&
         (absl::StrContains(status.message, "Connection refused") ||
          absl::StrContains(status.message, "No such file or directory"));
}

// Whether gRPC had no connection for another cause: no such host, no route.
bool CannotConnect(const client::CallStatus& status) {
  return status.code == grpc::StatusCode::UNAVAILABLE &&
         status.reason.empty() &&
         (absl::StrContains(status.message, "failed to connect") ||
          absl::StrContains(status.message, "DNS resolution failed"));
}

}  // namespace

std::string DescribeFailure(const client::CallStatus& status,
                            const std::string& server) {
  if (NobodyListens(status)) {
    return absl::StrCat("cannot connect to ", Escape(server),
                        ": nothing listens there; start weir-host, or name "
                        "another address with --server");
  }
  if (CannotConnect(status)) {
    return absl::StrCat("cannot connect to ", Escape(server), ": ",
                        Escape(status.message),
                        "; check the address given with --server");
  }
  std::string text =
      absl::StrCat(client::CodeName(status.code), ": ", Escape(status.message));
  if (!status.reason.empty()) {
    absl::StrAppend(&text, " (", Escape(status.reason), ")");
  }
  for (const auto& violation : status.violations) {
    absl::StrAppend(&text, "; ", Escape(violation.field), ": ",
                    Escape(violation.description));
  }
  if (const absl::string_view cure = CureFor(status); !cure.empty()) {
    absl::StrAppend(&text, "; ", cure);
  }
  return text;
}

int ReportFailure(const client::CallStatus& status, const Session& session) {
  session.err << "weir: " << DescribeFailure(status, session.server) << "\n";
  return kRefused;
}

int ReportFailure(const grpc::Status& status, const Session& session) {
  return ReportFailure(client::DecodeStatus(status), session);
}

}  // namespace weir::cli
