#ifndef WEIR_HOST_CONFIG_YAML_TO_PROTO_H_
#define WEIR_HOST_CONFIG_YAML_TO_PROTO_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "host/config/line_map.h"

namespace weir {

// Reads the YAML document `text` into `message`, whose fields are the keys. It
// knows no message in particular: whatever field a .proto gets can be written
// at once.
//
//   message           a mapping; nothing after the key = all of it unset
//   repeated field    a list
//   map field         a mapping
//   oneof             the one key of it that is meant
//   Struct            any mapping, see yaml_to_struct.h
//   all else          one value, see field_text.h, after Expand (environment.h)
//
// Returns all faults, in the order of the file, and none if it was understood
// whole. `message` then has what was; with faults, what could be. `lines` gets
// the line of each field.
//
// Faults are: what is not YAML, not UTF-8 or not text; a second document; a key
// that is unknown (the nearest known one is named), twice there, or one of two
// of a oneof; a value of the wrong type, out of range, or missing; a variable
// that is not set; tags; and more than config_limits.h allows, which also end
// the reading. An alias counts as often as it is used, so that a small file
// cannot become a large message.
//
// Pure, and so thread-safe.
std::vector<ConfigError> YamlToProto(absl::string_view text,
                                     const Environment& environment,
                                     google::protobuf::Message* message,
                                     LineMap* lines);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_YAML_TO_PROTO_H_
