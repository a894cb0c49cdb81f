#ifndef WEIR_HOST_DECODE_MESSAGE_TEXT_H_
#define WEIR_HOST_DECODE_MESSAGE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "host/pipeline/message.h"

namespace weir {

// Says in a line, for the log, what an OPEN or a NOTIFICATION is about:
//
//   OPEN received from 192.0.2.1 AS64496 at rrc00.ripe.net, AS64496,
//   hold time 90, router 192.0.2.1
//   NOTIFICATION from 192.0.2.1 AS64496 at rrc00.ripe.net, code 6 subcode 5
//
// What the message does not say is left out. The hold time is in seconds.
std::string DescribeSession(const Message& message);

}  // namespace weir

#endif  // WEIR_HOST_DECODE_MESSAGE_TEXT_H_
