#ifndef WEIR_SIM_INCIDENT_H_
#define WEIR_SIM_INCIDENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "sim/message_counts.h"

namespace weir::sim {

// What can befall the scenario's network, in the order in which it does.
enum class IncidentKind {
  kOriginHijack,     // A prefix comes from an AS that does not own it.
  kOutage,           // Every peer withdraws a prefix, and announces it again.
  kSubPrefixHijack,  // A more specific of it comes from another AS.
  kFlap,             // One peer withdraws and announces it, again and again.
  kPeerLoss,         // A peer's session ends, with all that it announced.
};
constexpr int kIncidentKinds = 5;

// "hijack.origin", "outage", "hijack.subprefix", "flap", "peer.loss".
absl::string_view KindName(IncidentKind kind);

// The truth about one incident. A plain value.
struct Incident {
  IncidentKind kind = IncidentKind::kOriginHijack;
  std::string prefix;             // The victim; empty for kPeerLoss.
  std::string offending_prefix;   // kSubPrefixHijack: the more specific.
  uint32_t expected_origin = 0;   // 0 for kPeerLoss.
  uint32_t offending_origin = 0;  // 0 unless a hijack.
  std::string peer;               // kFlap and kPeerLoss: whose.
  int64_t begin_ms = 0;           // Timestamp of its first message.
  std::optional<int64_t> end_ms;  // Of its last; none if the stream ended.
  uint64_t messages = 0;          // That belong to it, repair included.
  uint64_t peers = 0;             // That take part.
};

// One line of JSON, new-line included:
//
//   {"client":"weir","kind":"hijack.origin","prefix":"192.0.2.0/24",
//    "expected_origin":64496,"offending_origin":64510,
//    "begin_timestamp":1789019601.670,"end_timestamp":1789019604.170,
//    "messages":10,"peers":5}
//
// What an incident does not have is absent; `end_timestamp` is null if the
// stream ended first. `client` says to whom the stream went.
std::string TruthLine(absl::string_view client, const Incident& incident);

// The last line of a stream that ended after so many messages:
//
//   {"client":"weir","kind":"summary","messages":3000,"types":{"UPDATE":2950,
//    "KEEPALIVE":31,"OPEN":2,"NOTIFICATION":1,"STATE":16},
//    "announced":{"v4":4000,"v6":1000},"withdrawn":{"v4":300,"v6":80},
//    "incidents":5}
//
// Lines that a fault put in are not in it.
std::string SummaryLine(absl::string_view client, const MessageCounts& counts,
                        uint64_t incidents);

}  // namespace weir::sim

#endif  // WEIR_SIM_INCIDENT_H_
