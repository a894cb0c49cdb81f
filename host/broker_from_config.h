#ifndef WEIR_HOST_BROKER_FROM_CONFIG_H_
#define WEIR_HOST_BROKER_FROM_CONFIG_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/clock.h"
#include "weir/v1/config.pb.h"
#include "weir/v1/stats.pb.h"

namespace weir {

// What `config`, an effective configuration, says of the event log.
BrokerOptions MakeBrokerOptions(const v1::HostConfig& config);

// What GetServerInfo says of streams and their filters.
v1::ServerInfo::StreamLimits MakeStreamLimits(const v1::HostConfig& config);
v1::ServerInfo::FilterLimits MakeFilterLimits(const v1::HostConfig& config);

// The journal that `config` asks for; null in the mode `memory`. `new_epoch` is
// that of the log if the file is new. The errors are those of
// JournaledLog::Open. `codec` and `clock` must outlive it.
absl::StatusOr<std::unique_ptr<JournaledLog>> OpenJournal(
    const v1::HostConfig& config, const std::string& new_epoch,
    const EventCodec& codec, const Clock& clock);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_FROM_CONFIG_H_
