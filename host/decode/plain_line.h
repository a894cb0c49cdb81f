#ifndef WEIR_HOST_DECODE_PLAIN_LINE_H_
#define WEIR_HOST_DECODE_PLAIN_LINE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "host/decode/bgp_json.h"
#include "host/decode/field_writer.h"
#include "host/pipeline/name_table.h"

namespace weir {

// What is known of a RIS Live message beside its fields.
struct RisLiveHead {
  int64_t ts_ns = 0;
  uint16_t type_id = kTypeOther;
  bool has_type = false;
};

// Reads lines that are written as RIS Live writes nearly all of them:
//
//   {"type":"ris_message","data":{"timestamp":1.5,"peer":"192.0.2.1",...}}
//
// with an UPDATE, STATE or KEEPALIVE in it, keys in any order, and no white
// space, escapes or anything but ASCII. It looks at each byte once and needs no
// index of the line, so it costs half of what a JSON parser does. What it does
// not know, right or wrong, it leaves to the decoder that has one: what it
// takes, that one takes too, with the same result.
//
// Not thread-safe: it keeps memory for the next line.
class PlainLine {
 public:
  // Reads `line`, which is followed by MessageWriter::kPadding bytes of zero.
  // Returns false if it is written in any other way; `fields` and `head` are
  // then of no use, and the room can be written anew.
  bool Read(absl::string_view line, FieldWriter& fields, RisLiveHead* head);

 private:
  const char* ReadValue(int key, const char* at, FieldWriter& fields,
                        RisLiveHead* head);

  BgpJson bgp_;
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_PLAIN_LINE_H_
