#include "sim/fault_lines.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sim/ris_line.h"
#include "sim/ris_message.h"

namespace weir::sim {
namespace {

RisMessage Update(absl::Time now) {
  RisMessage message;
  message.timestamp_ms = absl::ToUnixMillis(now);
  message.peer = "198.51.100.200";
  message.peer_asn = 65551;
  message.host = "rrc00.ripe.net";
  message.path = {65551, 64504, 64500};
  message.next_hop = IpPrefix::Of(message.peer);
  return message;
}

std::string Line(const RisMessage& message) {
  std::string line;
  AppendRisLine(message, line);
  return line;
}

}  // namespace

std::string GarbageLine() {
  return "%% {\"type\":\"ris_message\",\"data\":[[[ \x01\x02 not json\n";
}

std::string UnknownTypeLines(absl::Time now) {
  RisMessage message = Update(now);
  message.type = RisType::kState;
  message.state = "up";
  return absl::StrCat(
      absl::StrReplaceAll(Line(message), {{"\"STATE\"", "\"FUTURE\""}}),
      "{\"type\":\"ris_future\",\"data\":{\"message\":\"none knows me\"}}\n");
}

std::string LongLine(size_t bytes, absl::Time now) {
  RisMessage message = Update(now);
  message.announced = {IpPrefix::Of("10.255.255.0/24")};
  std::string line = Line(message);
  line.insert(line.rfind("\"}}"), bytes - line.size(), '0');
  return line;
}

std::string RisErrorLine() {
  return "{\"type\":\"ris_error\",\"data\":{\"message\":\"Closing connection "
         "after being behind by more than 262144000 bytes over 30 "
         "seconds\",\"bufferSize\":313026734}}\n";
}

std::string BurstLines(uint64_t messages, absl::Time now) {
  RisMessage message = Update(now);
  std::string lines;
  for (uint64_t i = 0; i < messages; ++i) {
    message.sequence = static_cast<uint16_t>(i);
    message.announced.clear();
    for (uint64_t j = 0; j < kPrefixesPerBurstUpdate; ++j) {
      // /31s, so that 2^22 of them fit.
      const uint64_t n = i * kPrefixesPerBurstUpdate + j;
      IpPrefix prefix = IpPrefix::Of("10.128.0.0/31");
      prefix.bytes[1] |= n >> 15 & 0x7F;
      prefix.bytes[2] = n >> 7 & 0xFF;
      prefix.bytes[3] = n << 1 & 0xFF;
      message.announced.push_back(prefix);
    }
    AppendRisLine(message, lines);
  }
  return lines;
}

}  // namespace weir::sim
