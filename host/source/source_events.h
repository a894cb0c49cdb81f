#ifndef WEIR_HOST_SOURCE_SOURCE_EVENTS_H_
#define WEIR_HOST_SOURCE_SOURCE_EVENTS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/source_status.h"
#include "host/pipeline/event.h"

namespace weir {

// What the host says about its sources, as events. `id` is the source's from
// the configuration, "ris-live"; it is the subject of each, and "sources/ID"
// says it. The JSON is an object; times in it are RFC 3339 in UTC.

// weir.source.gap: an outage began (WARNING), or ended (NOTICE) if it has an
// end_time.
//   {"begin":T,"end":T|null,"reason":S,"data_lost":B,"attempts":N}
Event MakeGapEvent(absl::string_view id, const SourceStatus::Outage& outage);

// weir.source.error: what the upstream complained of (WARNING), or why the
// source gave up (ERROR, if `gave_up`). `repeats` says how many errors before
// this one had no event of their own.
//   {"kind":S,"status":N,"message":S,"gave_up":B,"repeats":N}
Event MakeErrorEvent(absl::string_view id, const SourceStatus::Error& error,
                     bool gave_up, uint64_t repeats);

// weir.source.stale: connected, but nothing came since `since` (WARNING), or
// something comes again (NOTICE).
//   {"stale":B,"since":T}
Event MakeStaleEvent(absl::string_view id, bool stale, absl::Time since,
                     absl::Time now);

// weir.source.lag: messages arrive `lag` after their own time, which is more
// than allowed (WARNING), or no longer (NOTICE).
//   {"lagging":B,"lag_seconds":X}
Event MakeLagEvent(absl::string_view id, bool lagging, absl::Duration lag,
                   absl::Time now);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_SOURCE_EVENTS_H_
