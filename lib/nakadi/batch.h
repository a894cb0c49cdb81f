#ifndef WEIR_LIB_NAKADI_BATCH_H_
#define WEIR_LIB_NAKADI_BATCH_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::nakadi {

// One line of a stream: where it stands, and the events as they were published.
// Views into the line and into the reader, valid until the next line is read.
struct BatchLine {
  absl::string_view partition, offset, event_type, cursor_token;
  absl::string_view events;  // "[...]" with all its bytes; empty: keep-alive.
  size_t count = 0;          // How many events.
  std::string info;          // info.debug, or what else it is; usually empty.
};

// Reads lines of a stream. It looks at the top of the object only: fields may
// come in any order, unknown ones are passed over, and events need not be
// objects. Not thread-safe: it keeps memory for the next line.
class BatchReader {
 public:
  // Readable bytes that must follow each line.
  static constexpr size_t kPadding = simdjson::SIMDJSON_PADDING;

  // Reads `line`, without its line end, into `batch`. If `events` is not null,
  // it becomes the single events, each the raw bytes. If `times` is not, it
  // becomes metadata.occurred_at of each, empty where there is none.
  //
  // Returns DataLoss, naming what is wrong, if the line is no JSON object, has
  // no cursor, or has a cursor without one of its four texts.
  absl::Status Read(absl::string_view line, BatchLine* batch,
                    std::vector<absl::string_view>* events = nullptr,
                    std::vector<absl::string_view>* times = nullptr);

 private:
  absl::Status ReadCursor(simdjson::ondemand::value& value, BatchLine* batch);
  absl::Status ReadEvents(simdjson::ondemand::value& value, BatchLine* batch,
                          std::vector<absl::string_view>* events,
                          std::vector<absl::string_view>* times);

  simdjson::ondemand::parser parser_;
  const char* line_end_ = nullptr;
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_BATCH_H_
