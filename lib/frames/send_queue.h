#ifndef WEIR_LIB_FRAMES_SEND_QUEUE_H_
#define WEIR_LIB_FRAMES_SEND_QUEUE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir::frames {

// Frames that wait to be sent, in order, and which byte of them is next. Small
// ones lie one behind the other in blocks, so that one call of writev takes
// many; those of a caller who waits are not copied.
//
// While a call is on its way (Gather to Sent) frames may be appended, and
// nothing else. Not thread-safe.
class SendQueue {
 public:
  // What became of a frame whose sender waits. The queue sets it.
  enum class Fate { kWaiting, kSent, kFailed };

  explicit SendQueue(size_t header_size) : header_size_(header_size) {}

  // Appends a frame, and copies the payload.
  void Append(absl::string_view payload);
  // Appends a frame whose payload, and `fate`, stay where they are until the
  // fate is no longer kWaiting.
  void AppendWaiting(absl::string_view payload, Fate* fate);
  // Takes a waiting frame out again, which must not be on its way.
  void Withdraw(const Fate* fate);

  // Returns what to send next, at most kMostParts and about kMostBytes; empty
  // if there is nothing.
  std::vector<iovec>& Gather();
  // Says that the first `bytes` of what was gathered are sent. Returns whether
  // a fate was set.
  bool Sent(size_t bytes);

  // After a connection broke: a frame of which a part was sent is whole again,
  // and all that wait fail and are gone, unless `keep_waiting`. Returns whether
  // a fate was set.
  bool Rewind(bool keep_waiting);

  // Takes all payloads out; those whose senders wait fail instead.
  std::vector<std::string> TakeAll();

  bool empty() const { return blocks_.empty(); }
  size_t bytes() const { return bytes_; }         // Unsent, with headers.
  uint64_t frames() const { return frames_; }     // Not wholly sent.
  uint64_t frames_sent() const { return sent_; }  // Wholly.

  static constexpr size_t kMostParts = 64;
  static constexpr size_t kMostBytes = 1 << 20;
  static constexpr size_t kBlockBytes = 64 << 10;

 private:
  struct Block {
    std::string bytes;          // Whole frames, or the header of `payload`.
    absl::string_view payload;  // Of a sender who waits...
    Fate* fate = nullptr;       // ... and his fate.
    uint64_t frames = 0;
    size_t size() const { return bytes.size() + payload.size(); }
  };

  // Appends a header to `out`.
  void AppendHeader(size_t length, std::string* out) const;
  // Length of the frame at `at` in `bytes`, header and all.
  size_t FrameSize(absl::string_view bytes, size_t at) const;
  void PopFront();

  const size_t header_size_;
  // References into a deque stay valid while something is appended.
  std::deque<Block> blocks_;
  size_t front_sent_ = 0;  // Bytes of the first block.
  size_t on_its_way_ = 0;  // Blocks that were gathered and not said to be sent.
  size_t bytes_ = 0;
  uint64_t frames_ = 0, sent_ = 0;
  std::vector<iovec> parts_;
  std::string spare_;  // Memory of the last block, for the next.
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_SEND_QUEUE_H_
