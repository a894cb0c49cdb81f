#ifndef WEIR_HOST_OUTBOX_FROM_CONFIG_H_
#define WEIR_HOST_OUTBOX_FROM_CONFIG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "host/pipeline/event_sink.h"
#include "host/steward/node_outbox.h"
#include "host/sync/clock.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Opens the outbox of a source, which has `nats.steward.sending`, its defaults
// and no faults; null if it does not send. Its file is outbox_ID.db in
// `state_dir`.
//
// Returns FailedPrecondition if the signing_key_file cannot be read or is no
// key, and the errors of NodeOutbox::Open.
absl::StatusOr<std::unique_ptr<NodeOutbox>> OpenOutbox(
    const v1::SourceConfig& source, const std::string& state_dir, uint64_t seed,
    const Clock& clock, EventSink& events);

}  // namespace weir

#endif  // WEIR_HOST_OUTBOX_FROM_CONFIG_H_
