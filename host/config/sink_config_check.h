#ifndef WEIR_HOST_CONFIG_SINK_CONFIG_CHECK_H_
#define WEIR_HOST_CONFIG_SINK_CONFIG_CHECK_H_

#include "host/config/fault_list.h"
#include "weir/v1/config.pb.h"

namespace weir {

// The part of CheckHostConfig about `sinks`: their ids, kinds and delays, what
// is replaced in their texts, and that the source of a `steward` one sends.
void CheckSinks(const v1::HostConfig& config, FaultList* faults);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_SINK_CONFIG_CHECK_H_
