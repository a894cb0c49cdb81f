#include "sim/fault.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weir::sim {
namespace {

struct Form {
  absl::string_view name;
  FaultKind kind;
  uint64_t lowest = 0;
  uint64_t highest = 0;  // 0: the kind takes no ARG.
  uint64_t otherwise = 0;
};

constexpr uint64_t kDaySeconds = 86400;

constexpr Form kForms[] = {
    {"cut-mid-line", FaultKind::kCutMidLine},
    {"eof", FaultKind::kEof},
    {"stall", FaultKind::kStall, 0, kDaySeconds, 0},
    {"garbage", FaultKind::kGarbage},
    {"unknown-type", FaultKind::kUnknownType},
    {"long-line", FaultKind::kLongLine, 1 << 10, 64 << 20, 3 << 20},
    {"ris-error", FaultKind::kRisError},
    {"http-500", FaultKind::kHttp500},
    {"http-404", FaultKind::kHttp404},
    {"redirect", FaultKind::kRedirect},
    {"slow-headers", FaultKind::kSlowHeaders, 1, kDaySeconds, 3},
    {"gzip", FaultKind::kGzip},
    {"old-format", FaultKind::kOldFormat},
    {"burst", FaultKind::kBurst, 1, 1000000, 1000},
};

absl::Status UnknownKind(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const Form& form : kForms) names.push_back(form.name);
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown fault '", name, "'; there are ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<Fault> Fault::Parse(absl::string_view text) {
  const size_t colon = text.find(':');
  const absl::string_view name = text.substr(0, colon);
  for (const Form& form : kForms) {
    if (form.name != name) continue;
    Fault fault = {form.kind, form.otherwise};
    if (colon == absl::string_view::npos) return fault;
    if (form.highest == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("fault '", text, "': ", name, " takes no argument"));
    }
    if (!absl::SimpleAtoi(text.substr(colon + 1), &fault.arg) ||
        fault.arg < form.lowest || fault.arg > form.highest) {
      return absl::InvalidArgumentError(
          absl::StrCat("fault '", text, "': ", name, " takes a number from ",
                       form.lowest, " to ", form.highest));
    }
    return fault;
  }
  return UnknownKind(name);
}

absl::StatusOr<ScriptedFault> ScriptedFault::Parse(absl::string_view text) {
  const size_t colon = text.find(':');
  ScriptedFault scripted;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(text.substr(0, colon), &scripted.after)) {
    return absl::InvalidArgumentError(
        absl::StrCat("fault '", text,
                     "' has no number of messages before it; write "
                     "AFTER_N_MESSAGES:KIND[:ARG], such as 1000:eof"));
  }
  absl::StatusOr<Fault> fault = Fault::Parse(text.substr(colon + 1));
  if (!fault.ok()) return fault.status();
  scripted.fault = *fault;
  return scripted;
}

}  // namespace weir::sim
