#ifndef WEIR_HOST_CONFIG_FIELD_RULES_H_
#define WEIR_HOST_CONFIG_FIELD_RULES_H_

#include <string>

#include "google/protobuf/message.h"
#include "host/config/fault_list.h"

namespace weir {

// Checks every field of a configuration that is set, wherever it stands,
// against what its comment in the schema says of it alone:
//
//  * required fields are there
//  * numbers and durations are within their bounds, and no duration is negative
//  * ids, digests, URLs, addresses and file names have their form
//
// What one field says of another is host_config_check.h. Each fault names the
// value, the bound and the cure.
//
// `message` is at `path` of the file, "" for the whole. Give it with its
// defaults filled in, or without: what is not set is only looked at if it is
// required.
void CheckFieldRules(const google::protobuf::Message& message,
                     const std::string& path, FaultList* faults);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_FIELD_RULES_H_
