#ifndef WEIR_HOST_CONFIG_WALK_FIELDS_H_
#define WEIR_HOST_CONFIG_WALK_FIELDS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace weir {

// One value that is set in a message, for rules that hold for a field wherever
// it stands.
struct FieldAt {
  const std::string& path;                   // "sources[2].backoff.jitter"
  const google::protobuf::Message& message;  // that has the field
  const google::protobuf::FieldDescriptor& field;
  int index;  // of the element of a repeated field, else -1

  // The value of a message field.
  const google::protobuf::Message& Child() const;
};

// Calls `visit` for each field that is set in `message`, element by element,
// and, where it returns true, for those in its value, parents first, in the
// order of their numbers. What is inside a map, a Duration or a Struct is one
// value and not walked into.
//
// `path` is that of `message`, "" for the whole.
void WalkFields(const google::protobuf::Message& message,
                const std::string& path,
                absl::FunctionRef<bool(const FieldAt&)> visit);

// Returns the path of `field`, within the message at `path`.
std::string FieldPath(const std::string& path,
                      const google::protobuf::FieldDescriptor& field,
                      int index = -1);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_WALK_FIELDS_H_
