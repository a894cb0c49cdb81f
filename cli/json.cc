#include "cli/json.h"

#include <google/protobuf/util/json_util.h>

#include <string>

namespace weir::cli {

void PrintJson(const google::protobuf::Message& message, Defaults defaults,
               std::ostream& out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = defaults == Defaults::kPrint;
  std::string json;
  // Fails for an Any of a type that is not linked in, and for times out of
  // range; callers keep the first out of what they pass.
  if (!google::protobuf::util::MessageToJsonString(message, &json, options)
           .ok()) {
    json = "{}";
  }
  out << json << "\n" << std::flush;
}

}  // namespace weir::cli
