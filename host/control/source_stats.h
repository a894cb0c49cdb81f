#ifndef WEIR_HOST_CONTROL_SOURCE_STATS_H_
#define WEIR_HOST_CONTROL_SOURCE_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/metrics/distribution.h"

namespace weir {

// What a source counts; weir.v1.SourceStats in our own words, where each field
// is explained. The connection's part is filled by the streamer, the payloads'
// part by the decode stage. A value.
struct SourceStats {
  std::string name;  // "sources/ris-live"
  uint64_t messages = 0;
  uint64_t bytes = 0;
  double messages_per_second = 0;
  double bits_per_second = 0;
  std::map<std::string, uint64_t> messages_by_type;
  uint64_t parse_errors = 0;
  std::map<std::string, uint64_t> skipped_by_reason;
  uint64_t unknown_types = 0;
  uint64_t upstream_errors = 0;
  uint64_t reconnects = 0;
  uint64_t connect_failures = 0;
  absl::Time connected_since = absl::InfinitePast();
  absl::Time last_message_time = absl::InfinitePast();
  absl::Duration lag;
  Distribution lag_distribution;
  uint64_t outages = 0;
  absl::Duration outage_time;
  absl::Duration blocked_time;
  uint64_t completed_batches = 0;
  uint64_t incomplete_batches = 0;
  uint64_t commits = 0;
  uint64_t commit_errors = 0;
  uint64_t open_batches = 0;
  std::map<std::string, uint64_t> counters;  // Of this kind of source alone.
  Distribution decode;
  // The last bad payloads, cut to 256 bytes, for whoever debugs. At most
  // `logging.samples`.
  std::vector<std::string> bad_samples;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SOURCE_STATS_H_
