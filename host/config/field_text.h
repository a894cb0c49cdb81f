#ifndef WEIR_HOST_CONFIG_FIELD_TEXT_H_
#define WEIR_HOST_CONFIG_FIELD_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace weir {

// How one value is written in the configuration file. The schema decides what
// the text means, so quotes do not matter: `capacity: "8192"` is a number and
// `node_id: 5` is a name.
//
//   field                          text
//   string                         as it is
//   bool                           "true", "false"
//   integer                        "8192"
//   ... called *_bytes or *_size   also "64MiB": KiB, MiB, GiB, TiB
//   double                         "0.5"
//   enum                           "drop_oldest" or "QUEUE_POLICY_DROP_OLDEST"
//   google.protobuf.Duration       "250ms", "5s", "1h30m"; ns, us, ms, s, m, h
//   google.protobuf.Timestamp      "2026-11-21T04:00:00Z", also with a fraction
//                                  or another zone, "+01:00"
//
// All functions are pure.

// Whether values of `field` are one text: all of the above are, and a repeated
// field's elements. Other messages are not.
bool IsWrittenAsText(const google::protobuf::FieldDescriptor& field);

// Sets `field` of `message` to what `text` says; if it is repeated, appends.
//
// Returns InvalidArgument, and changes nothing, if `text` is no such value or
// out of range. The message does not repeat the text: it goes after it, as in
// "12 parsecs: no duration; write a number with its unit, as 250ms, 5s, ...".
absl::Status SetFromText(absl::string_view text,
                         const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message* message);

// Returns a text from which SetFromText makes the same value. `index` is that
// of the element of a repeated field, else -1.
std::string ToText(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field, int index);

// Returns the shortest text that is exactly `number` again: below 2^53 an
// integer as one, "100000", and from there on never, since its last digits
// would say more than is known.
std::string NumberText(double number);

// Returns the short name of an enum's value: "drop_oldest".
std::string ShortName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_FIELD_TEXT_H_
