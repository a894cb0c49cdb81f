#include "host/status/invalid_field.h"

#include "absl/strings/str_cat.h"
#include "host/status/error_info.h"

namespace weir {

absl::Status InvalidField(const std::string& field, const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(field, " ", what),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", field}},
                    .field_violations = {{field, what}}});
}

}  // namespace weir
