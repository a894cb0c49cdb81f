#ifndef WEIR_HOST_SOURCE_FROM_CONFIG_H_
#define WEIR_HOST_SOURCE_FROM_CONFIG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "host/control/steward_outbox.h"
#include "host/decode/decoder.h"
#include "host/pipeline/name_table.h"
#include "host/source/sleeper_factory.h"
#include "host/source/source.h"
#include "host/source/steward_node_set.h"
#include "host/source/streamer.h"
#include "host/sync/clock.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Where a source says that a peer is wrong, on the thread that reads it.
using SourceReport = std::function<void(absl::string_view)>;

// Turns one entry of `sources`, which has its defaults and no faults, into what
// the rooms take. `clock` must outlive the source. `state_dir` is where a
// source keeps what must survive a restart. A source that is a node of a
// steward network is added to `nodes`; `outbox` is what it sends by, null if it
// does not, and must outlive it.
std::unique_ptr<Source> MakeSource(const v1::SourceConfig& config,
                                   const std::string& state_dir,
                                   const Clock& clock,
                                   const SleeperFactory& sleepers,
                                   StewardNodeSet& nodes, StewardOutbox* outbox,
                                   SourceReport report);

StreamerOptions MakeStreamerOptions(const v1::SourceConfig& config,
                                    uint64_t seed);

// The decoder of the format that `config` names. `types` must outlive it.
std::unique_ptr<Decoder> MakeDecoder(const v1::SourceConfig& config,
                                     NameTable& types);

// The decoder's name in SourceStatus: "ris_live", "opaque".
std::string DecoderName(const v1::SourceConfig& config);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_FROM_CONFIG_H_
