#ifndef WEIR_SIM_MESSAGE_COUNTS_H_
#define WEIR_SIM_MESSAGE_COUNTS_H_

#include <cstdint>

#include "sim/ris_message.h"

namespace weir::sim {

// How much of each kind a stream had. A prefix counts each time that it is
// announced or withdrawn. A plain value.
struct MessageCounts {
  void Add(const RisMessage& message) {
    switch (message.type) {
      case RisType::kUpdate:
        ++updates;
        break;
      case RisType::kKeepalive:
        ++keepalives;
        break;
      case RisType::kOpen:
        ++opens;
        break;
      case RisType::kNotification:
        ++notifications;
        break;
      case RisType::kState:
        ++states;
        break;
    }
    for (const IpPrefix& prefix : message.announced) {
      ++(prefix.is_v6 ? announced_v6 : announced_v4);
    }
    for (const IpPrefix& prefix : message.withdrawn) {
      ++(prefix.is_v6 ? withdrawn_v6 : withdrawn_v4);
    }
  }

  uint64_t messages() const {
    return updates + keepalives + opens + notifications + states;
  }

  bool operator==(const MessageCounts& other) const = default;

  uint64_t updates = 0;
  uint64_t keepalives = 0;
  uint64_t opens = 0;
  uint64_t notifications = 0;
  uint64_t states = 0;
  uint64_t announced_v4 = 0;
  uint64_t announced_v6 = 0;
  uint64_t withdrawn_v4 = 0;
  uint64_t withdrawn_v6 = 0;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_MESSAGE_COUNTS_H_
