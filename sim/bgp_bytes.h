#ifndef WEIR_SIM_BGP_BYTES_H_
#define WEIR_SIM_BGP_BYTES_H_

#include <cstdint>
#include <string>

#include "sim/ris_message.h"

namespace weir::sim {

// Stands for an AS number above 65,535 where only two octets fit (RFC 6793).
constexpr uint32_t kAsTrans = 23456;

// Returns the BGP message (RFC 4271) that `message` tells of: marker, length,
// type and body, as it would have come from the peer. Paths have 4-octet AS
// numbers (RFC 6793), IPv6 is in MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760).
// Empty for a kState, which is no BGP message.
//
// The caller sees to it that it fits in 4,096 octets, BGP's limit: some 20
// hops and 100 prefixes do.
std::string BgpBytes(const RisMessage& message);

}  // namespace weir::sim

#endif  // WEIR_SIM_BGP_BYTES_H_
