#ifndef WEIR_LIB_NAKADI_CURSOR_H_
#define WEIR_LIB_NAKADI_CURSOR_H_

#include <string>

namespace weir::nakadi {

// A place in one partition of an event type, as a batch came with it. All but
// `stream_id` is opaque and goes back to the server unchanged: offsets have
// gaps, so never make one up. A value.
struct Cursor {
  std::string partition;
  std::string offset;
  std::string event_type;
  std::string cursor_token;
  // The stream that delivered the batch; only it may commit the cursor.
  std::string stream_id;
};

inline bool operator==(const Cursor& a, const Cursor& b) {
  return a.partition == b.partition && a.offset == b.offset &&
         a.event_type == b.event_type && a.cursor_token == b.cursor_token &&
         a.stream_id == b.stream_id;
}

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_CURSOR_H_
