#ifndef WEIR_HOST_CONFIG_SOURCE_CONFIG_CHECK_H_
#define WEIR_HOST_CONFIG_SOURCE_CONFIG_CHECK_H_

#include "host/config/fault_list.h"
#include "weir/v1/config.pb.h"

namespace weir {

// The part of CheckHostConfig about `sources`: their ids, kinds and delays, and
// what the fields of a kind say of each other.
void CheckSources(const v1::HostConfig& config, FaultList* faults);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_SOURCE_CONFIG_CHECK_H_
