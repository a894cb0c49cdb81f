#ifndef WEIR_HOST_SINK_FROM_CONFIG_H_
#define WEIR_HOST_SINK_FROM_CONFIG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "host/control/steward_outboxes.h"
#include "host/sink/sink.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Returns the sink that `config` describes, which has its defaults and no
// faults and is of a kind that is served. Its cursor is kept below `state_dir`;
// `node_id` names the host to the other side. `host` as Sink has it, and
// `outboxes`, which has all that sinks name, must outlive the sink, too.
std::unique_ptr<Sink> MakeSink(const v1::SinkConfig& config,
                               const std::string& state_dir,
                               const std::string& node_id, uint64_t seed,
                               StewardOutboxes& outboxes, Sink::Host host);

}  // namespace weir

#endif  // WEIR_HOST_SINK_FROM_CONFIG_H_
