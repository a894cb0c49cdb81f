#ifndef WEIR_HOST_CONFIG_PROTO_TO_YAML_H_
#define WEIR_HOST_CONFIG_PROTO_TO_YAML_H_

#include <string>

#include "google/protobuf/message.h"

namespace weir {

// Returns `message` as YAML, from which YamlToProto makes the same message,
// whatever the environment: what is set and nothing else, in the order of the
// schema, one field on each line.
//
//   node_id: "rrc00"
//   sources:
//     - id: "ris-live"
//       backoff:
//         initial: 5s
//
// Texts are always quoted, so that none is ever taken for a number. What a
// variable was put in for is printed as its value: do not show it to whoever
// must not know it.
//
// Takes what YamlToProto takes: no floats, bytes or groups.
std::string ProtoToYaml(const google::protobuf::Message& message);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_PROTO_TO_YAML_H_
