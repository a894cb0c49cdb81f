#ifndef WEIR_RUNNER_CHECK_SAMPLES_H_
#define WEIR_RUNNER_CHECK_SAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "weir/message_fields.h"

namespace weir {

// A field of a Sample: a number, or bytes as they lie in a message.
struct SampleField {
  uint16_t key = 0;
  uint8_t kind = 0;
  uint32_t count = 1;
  uint64_t number = 0;     // UINT, INT.
  std::string bytes = "";  // All other kinds.
};

// A message to give to a plugin, before it is laid out. A value.
struct Sample {
  std::string what;     // "an UPDATE with two prefixes"
  uint16_t type = 0;    // Its place in kCheckTypes.
  std::string body;     // The payload.
  int64_t time_ns = 0;  // By the source's clock.
  uint16_t flags = 0;   // weir_msg.flags.
  uint32_t source = 0;
  std::vector<SampleField> fields = {};
};

// One of each type, as RIS Live has them and the host decodes them, and some of
// the same peer's, so that there is something for a plugin to find: updates
// that announce and withdraw over IPv4 and IPv6, with an AS_SET, a session that
// goes down and up.
std::vector<Sample> PlainSamples();

// One field of each known key, as large as it may well be.
std::vector<SampleField> FieldOfEachKey();

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_SAMPLES_H_
