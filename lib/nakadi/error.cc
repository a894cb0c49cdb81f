#include "lib/nakadi/error.h"

#include <simdjson.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace weir::nakadi {
namespace {

constexpr absl::string_view kPayload = "weir.nakadi/error";
// Of a body that is neither a problem nor OAuth's.
constexpr size_t kDetailBytes = 200;

std::string OneLine(absl::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kDetailBytes)) {
    line.push_back(absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' '
                                                                      : c);
  }
  return std::string(absl::StripAsciiWhitespace(line));
}

}  // namespace

std::string DetailOf(absl::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::object problem;
  if (parser.parse(body.data(), body.size()).get(problem) ==
      simdjson::SUCCESS) {
    for (const char* key : {"detail", "error_description", "error", "title"}) {
      std::string_view text;
      if (problem[key].get(text) == simdjson::SUCCESS && !text.empty()) {
        return OneLine({text.data(), text.size()});
      }
    }
  }
  return OneLine(body);
}

absl::Status MakeError(absl::StatusCode code, absl::string_view what,
                       const Error& error) {
  std::string message(what);
  if (error.http_status != 0) {
    absl::StrAppend(&message, ": HTTP status ", error.http_status);
  }
  if (!error.detail.empty()) absl::StrAppend(&message, ": ", error.detail);
  if (!error.flow_id.empty()) {
    absl::StrAppend(&message, " (flow id ", error.flow_id, ")");
  }
  absl::Status status(code, message);
  status.SetPayload(
      kPayload, absl::Cord(absl::StrCat(
                    static_cast<int>(error.kind), "\n", error.http_status, "\n",
                    absl::ToInt64Milliseconds(error.retry_after), "\n",
                    OneLine(error.flow_id), "\n", OneLine(error.detail))));
  return status;
}

Error GetError(const absl::Status& status) {
  Error error;
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return error;
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(*payload), absl::MaxSplits('\n', 4));
  int kind = 0;
  int64_t retry_ms = 0;
  if (parts.size() == 5 && absl::SimpleAtoi(parts[0], &kind) &&
      absl::SimpleAtoi(parts[1], &error.http_status) &&
      absl::SimpleAtoi(parts[2], &retry_ms)) {
    error.kind = static_cast<Error::Kind>(kind);
    error.retry_after = absl::Milliseconds(retry_ms);
    error.flow_id = parts[3];
    error.detail = parts[4];
  }
  return error;
}

absl::Status ErrorOfAnswer(absl::string_view what, int32_t status,
                           absl::string_view body, absl::string_view flow_id,
                           absl::Duration retry_after) {
  Error error = {.kind = Error::Kind::kHttpStatus,
                 .http_status = status,
                 .detail = DetailOf(body),
                 .flow_id = std::string(flow_id),
                 .retry_after = retry_after};
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  switch (status) {
    case 400:
    case 412:
    case 422:
      code = absl::StatusCode::kInvalidArgument;
      break;
    case 401:
      error.kind = Error::Kind::kAuth;
      break;
    case 403:
      error.kind = Error::Kind::kAuth;
      code = absl::StatusCode::kPermissionDenied;
      break;
    case 404:
      code = absl::StatusCode::kNotFound;
      break;
    case 409:
      error.kind = Error::Kind::kConflict;
      break;
    default:
      break;
  }
  return MakeError(code, what, error);
}

}  // namespace weir::nakadi
