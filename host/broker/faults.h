#ifndef WEIR_HOST_BROKER_FAULTS_H_
#define WEIR_HOST_BROKER_FAULTS_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/status/error_info.h"

namespace weir {

// Collects everything that is wrong with a request, so that a client learns of
// all of it at once. Not thread-safe.
class Faults {
 public:
  // `field` is the path of the value: "filters[0].subject_regexes[2]".
  // `description` names the bad value, the bound and the cure.
  void Add(absl::string_view reason, absl::string_view field,
           absl::string_view description,
           std::map<std::string, std::string> metadata = {}) {
    if (info_.field_violations.empty()) {
      info_.reason = std::string(reason);
      info_.metadata = std::move(metadata);
      info_.metadata["field"] = std::string(field);
    }
    info_.field_violations.emplace_back(field, description);
  }

  bool empty() const { return info_.field_violations.empty(); }

  // Returns OK if there is none, else InvalidArgument with the reason of the
  // first one and a field violation for each.
  absl::Status ToStatus() const {
    if (empty()) return absl::OkStatus();
    std::string message;
    for (const auto& [field, description] : info_.field_violations) {
      absl::StrAppend(&message, message.empty() ? "" : "; ", field, ": ",
                      description);
    }
    return MakeError(absl::StatusCode::kInvalidArgument, message, info_);
  }

 private:
  ErrorInfo info_;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_FAULTS_H_
