#ifndef WEIR_LIB_NAKADI_EVENT_STREAM_H_
#define WEIR_LIB_NAKADI_EVENT_STREAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/http_transfer.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

// One stream of a subscription after the other: opens it and cuts what comes
// into lines. When to open, and what the lines say, are others' questions.
//
// It does not read ahead: a line is taken from the socket when one is asked
// for, so nothing of a dead stream is ever left over, and a reader that does
// not read slows the server down. It keeps the lines of one read, about 256 KiB
// or one line if that is longer.
//
// One thread opens and reads; Interrupt and Rearm may be called by any, and so
// may what only tells.
class EventStream {
 public:
  // `clock` must outlive it.
  EventStream(const ClientOptions& client, const StreamParameters& parameters,
              const Clock& clock);

  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Opens a stream of `subscription_id`, anew if one is open.
  //
  // Returns an error as error.h says.
  absl::Status Open(const std::string& subscription_id);

  // Sets `lines` to what arrived: at least one line, without line ends, blank
  // ones passed over. BatchReader::kPadding readable bytes follow each. Valid
  // until the next call.
  //
  // Returns Unavailable when the stream is over: kStreamEnd if the server
  // ended it, kCut, kReadTimeout or kProtocol otherwise; then Open again. What
  // of a line was there is dropped.
  absl::Status Read(std::vector<absl::string_view>* lines);

  // Hangs up, at once.
  void Close();

  void Interrupt() { transfer_.Interrupt(); }
  void Rearm() { transfer_.Rearm(); }

  // Of the stream that was opened last. For the thread that reads.
  const std::string& stream_id() const { return answer_.stream_id; }
  const std::string& flow_id() const { return answer_.flow_id; }

  // Since the object was made.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t blank_lines() const {
    return blank_.load(std::memory_order_relaxed);
  }
  uint64_t partial_lines() const {
    return partial_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kReadBytes = 256 << 10;

  // Takes the whole lines off what was received.
  void Cut(std::vector<absl::string_view>* lines);
  std::string Query() const;

  const ClientOptions client_;
  const StreamParameters parameters_;
  HttpTransfer transfer_;
  HttpAnswer answer_;
  uint64_t openings_ = 0;

  std::string received_;
  bool had_line_ = false;  // Of this stream.
  size_t begin_ = 0;       // Of what was not handed out.
  size_t scanned_ = 0;     // Up to here there is no line end after begin_.

  std::atomic<uint64_t> bytes_{0}, blank_{0}, partial_{0};
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_EVENT_STREAM_H_
