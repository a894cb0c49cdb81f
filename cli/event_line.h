#ifndef WEIR_CLI_EVENT_LINE_H_
#define WEIR_CLI_EVENT_LINE_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "weir/v1/event.pb.h"

namespace weir::cli {

// Returns what `event` says, for people: its label or, else, the member of its
// JSON payload called "text", "message" or "summary"; without one the payload
// in compact form, or the labels, or what kind of bytes it carries. Escaped;
// cut after 400 characters.
std::string EventText(const weir::v1::Event& event);

// Writes events one a line, in columns:
//
//   6f1c-4711  12:04:31  hijack.origin    192.0.2.0/24  originated by AS64500
//
// A stream has no end at which the widths were known, so columns begin at the
// width of common contents and widen with what comes. Not thread-safe.
class EventLine {
 public:
  EventLine(absl::TimeZone time_zone, bool colour);

  // Returns the line, without its end. The time is the source's if it gave one,
  // else when the host appended it. In colour, warnings are yellow and what is
  // worse is red.
  std::string Format(const weir::v1::Event& event);

 private:
  const absl::TimeZone time_zone_;
  const bool colour_;
  size_t id_width_ = 9;        // "6f1c-4711"
  size_t type_width_ = 15;     // "visibility.lost"
  size_t subject_width_ = 12;  // "192.0.2.0/24"
};

}  // namespace weir::cli

#endif  // WEIR_CLI_EVENT_LINE_H_
