#include "host/source/line_framer.h"

#include <cstring>
#include <utility>

namespace weir {

bool LineFramer::Next(absl::string_view* chunk, absl::string_view* line) {
  while (!chunk->empty()) {
    const void* end = std::memchr(chunk->data(), '\n', chunk->size());
    if (end == nullptr) {
      Keep(*chunk);
      *chunk = {};
      return false;
    }
    const size_t length = static_cast<const char*>(end) - chunk->data();
    const absl::string_view head = chunk->substr(0, length);
    chunk->remove_prefix(length + 1);
    if (skipping_) {
      skipping_ = false;
    } else if (partial_.empty()) {
      *line = head;
      if (Finish(line)) return true;
    } else {
      Keep(head);
      if (std::exchange(skipping_, false)) continue;
      // What was handed out before is of an earlier chunk, so its buffer is
      // free again.
      partial_.swap(handed_out_);
      partial_.clear();
      *line = handed_out_;
      if (Finish(line)) return true;
    }
  }
  return false;
}

bool LineFramer::Finish(absl::string_view* line) {
  if (!line->empty() && line->back() == '\r') line->remove_suffix(1);
  if (line->empty()) {
    ++skipped_.empty;
    return false;
  }
  if (line->size() > max_line_bytes_) {
    ++skipped_.too_long;
    return false;
  }
  return true;
}

void LineFramer::Keep(absl::string_view tail) {
  if (skipping_) return;
  // One byte more than the limit, since it may be the "\r".
  if (tail.size() > max_line_bytes_ + 1 - partial_.size()) {
    ++skipped_.too_long;
    skipping_ = true;
    partial_.clear();
    return;
  }
  partial_.append(tail.data(), tail.size());
}

void LineFramer::DropPartial() {
  if (!partial_.empty()) ++skipped_.partial;
  partial_.clear();
  skipping_ = false;
}

bool LineFramer::TakeRest(absl::string_view* line) {
  skipping_ = false;
  if (partial_.empty()) return false;
  partial_.swap(handed_out_);
  partial_.clear();
  *line = handed_out_;
  return Finish(line);
}

}  // namespace weir
