#ifndef WEIR_HOST_STATUS_INVALID_FIELD_H_
#define WEIR_HOST_STATUS_INVALID_FIELD_H_

#include <string>

#include "absl/status/status.h"

namespace weir {

// InvalidArgument / INVALID_FIELD for a call with one field at fault: `field`,
// and behind it in the sentence, what is wrong with it and the cure.
absl::Status InvalidField(const std::string& field, const std::string& what);

}  // namespace weir

#endif  // WEIR_HOST_STATUS_INVALID_FIELD_H_
