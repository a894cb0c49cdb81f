#ifndef WEIR_HOST_BROKER_EVENT_KEYS_H_
#define WEIR_HOST_BROKER_EVENT_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "weir/message_fields.h"

namespace weir {

// What filters ask of an event, beside its serialized bytes, so that none has
// to be parsed to be matched. A value; `json` lies where whoever made it says.
struct EventKeys {
  std::string type, source, subject;
  int32_t severity = 0;
  std::vector<std::pair<std::string, std::string>> labels;  // By key.
  absl::string_view json;
  std::vector<weir_prefix> prefixes;
  std::vector<uint32_t> as_numbers;

  // What it costs to keep beside sizeof(EventKeys), without `json`.
  size_t HeapBytes() const {
    // Short strings are kept inside; that they are counted too is the safe
    // side.
    size_t bytes = type.capacity() + source.capacity() + subject.capacity();
    bytes += labels.capacity() * sizeof(labels[0]);
    for (const auto& [key, value] : labels) {
      bytes += key.capacity() + value.capacity();
    }
    bytes += prefixes.capacity() * sizeof(prefixes[0]);
    return bytes + as_numbers.capacity() * sizeof(as_numbers[0]);
  }
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_EVENT_KEYS_H_
