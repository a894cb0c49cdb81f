#ifndef WEIR_HOST_CONFIG_STRUCT_JSON_H_
#define WEIR_HOST_CONFIG_STRUCT_JSON_H_

#include <string>

#include "google/protobuf/struct.pb.h"

namespace weir {

// Returns `object` as JSON text on one line, its keys in order: what a plugin
// gets as its configuration. "{}" if it is empty.
//
// Integers below 2^53 are printed with all their digits. Protobuf's own printer
// writes 1e+15 from there on, which an author who reads an integer does not
// expect.
std::string StructToJson(const google::protobuf::Struct& object);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_STRUCT_JSON_H_
