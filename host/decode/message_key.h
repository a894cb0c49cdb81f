#ifndef WEIR_HOST_DECODE_MESSAGE_KEY_H_
#define WEIR_HOST_DECODE_MESSAGE_KEY_H_

#include "absl/strings/string_view.h"

namespace weir {

// The keys of a RIS Live message, in the order of today's wire format.
enum MessageKey : int {
  kTimestamp,
  kPeer,
  kPeerAsn,
  kId,
  kHost,
  kType,
  kPath,
  kCommunity,
  kOrigin,
  kMed,
  kAggregator,
  kAnnouncements,
  kWithdrawals,
  kRaw,
  kState,
  kDirection,
  kVersion,
  kAsn,
  kHoldTime,
  kRouterId,
  kCapabilities,
  kNotification,
  kKeys,
};

// Returns the key that `text` begins with, closing quote included; kKeys if it
// is none. `text` is followed by 8 readable bytes or more.
int FindKey(const char* text);

// "timestamp" of kTimestamp.
absl::string_view KeyName(int key);

}  // namespace weir

#endif  // WEIR_HOST_DECODE_MESSAGE_KEY_H_
