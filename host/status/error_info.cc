#include "host/status/error_info.h"

#include <cstddef>
#include <cstdlib>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

constexpr char kTypeUrl[] = "weir/error_info";

// Netstrings ("5:hello") one after the other; nobody else reads them.
void Put(absl::string_view text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text);
}

std::string Take(absl::string_view* in) {
  const size_t colon = in->find(':');
  size_t size = 0;
  if (colon == in->npos || !absl::SimpleAtoi(in->substr(0, colon), &size)) {
    return "";
  }
  std::string text(in->substr(colon + 1, size));
  in->remove_prefix(colon + 1 + size);
  return text;
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       const ErrorInfo& info) {
  std::string packed;
  Put(info.reason, &packed);
  Put(info.retry_delay.has_value()
          ? absl::StrCat(absl::ToInt64Nanoseconds(*info.retry_delay))
          : "",
      &packed);
  Put(absl::StrCat(info.metadata.size()), &packed);
  for (const auto& [key, value] : info.metadata) {
    Put(key, &packed);
    Put(value, &packed);
  }
  for (const auto& [field, description] : info.field_violations) {
    Put(field, &packed);
    Put(description, &packed);
  }
  absl::Status status(code, message);
  status.SetPayload(kTypeUrl, absl::Cord(packed));
  return status;
}

std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status) {
  const auto payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::string packed(*payload);
  absl::string_view in = packed;
  ErrorInfo info;
  info.reason = Take(&in);
  if (int64_t ns = 0; absl::SimpleAtoi(Take(&in), &ns)) {
    info.retry_delay = absl::Nanoseconds(ns);
  }
  size_t n = 0;
  if (!absl::SimpleAtoi(Take(&in), &n)) return info;
  for (size_t i = 0; i < n; ++i) {
    std::string key = Take(&in);
    info.metadata[std::move(key)] = Take(&in);
  }
  while (!in.empty()) {
    std::string field = Take(&in);
    info.field_violations.emplace_back(std::move(field), Take(&in));
  }
  return info;
}

}  // namespace weir
