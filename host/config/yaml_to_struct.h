#ifndef WEIR_HOST_CONFIG_YAML_TO_STRUCT_H_
#define WEIR_HOST_CONFIG_YAML_TO_STRUCT_H_

#include <string>

#include "google/protobuf/struct.pb.h"
#include "host/config/yaml_reading.h"
#include "yaml-cpp/yaml.h"

namespace weir {

// Reads a YAML mapping, whatever its keys, into `object`: for what is not ours
// to check, such as a plugin's own configuration.
//
// Where no schema says what a value is, JSON's rules do, and nothing is
// guessed: a plain true, false, null or JSON number is one, all else is a
// string. So `prefix: 192.0.2.0/24`, `mode: 0660`, `answer: yes` and
// `since: 2026-01-01` are strings, and so is whatever is in quotes or has a
// variable in it.
//
// Faults, at `path` and below, go to `reading`; what they concern is left out.
// Beside those of the reading, they are: no mapping; an integer from 2^53 on,
// which a JSON reader would silently round; a number that is no finite double.
void YamlToStruct(const YAML::Node& node, const std::string& path,
                  YamlReading* reading, google::protobuf::Struct* object);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_YAML_TO_STRUCT_H_
