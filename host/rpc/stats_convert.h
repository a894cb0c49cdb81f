#ifndef WEIR_HOST_RPC_STATS_CONVERT_H_
#define WEIR_HOST_RPC_STATS_CONVERT_H_

#include <vector>

#include "host/control/event_log.h"
#include "host/control/plugin_stats.h"
#include "host/control/sink_stats.h"
#include "host/control/source_stats.h"
#include "host/metrics/process_stats.h"
#include "host/rpc/rpc_counter.h"
#include "weir/v1/stats.pb.h"

namespace weir {

// What the rooms count, as weir.v1 shows it. Field by field; where a name
// differs from ours, the proto's comment says what it is.
void ToProto(const SourceStats& stats, v1::SourceStats* out);
void ToProto(const PluginStats& stats, v1::PluginStats* out);
void ToProto(const BrokerStats& stats, v1::BrokerStats* out);
void ToProto(const JournalStats& stats, v1::JournalStats* out);
void ToProto(const SinkStats& stats, v1::SinkStats* out);
void ToProto(const SubscriberStats& stats, v1::SubscriberStats* out);
// Without what its children take; see AddChildren.
void ToProto(const ProcessStats& stats, v1::ProcessStats* out);
void ToProto(const RpcCounter& counter, v1::RpcStats* out);

// Fills in what the host and the children of `plugins` take together.
void AddChildren(const std::vector<PluginStats>& plugins,
                 v1::ProcessStats* out);

}  // namespace weir

#endif  // WEIR_HOST_RPC_STATS_CONVERT_H_
