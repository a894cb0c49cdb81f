#ifndef WEIR_SIM_SESSION_H_
#define WEIR_SIM_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sim/line_source.h"

namespace weir::sim {

// A client's way through its stream, which outlives its connections: the next
// one goes on where the last one ended. Not thread-safe.
class Session {
 public:
  explicit Session(std::unique_ptr<LineSource> source)
      : source_(std::move(source)) {}

  // How many messages were taken and not put back.
  uint64_t position() const { return position_; }

  // As of LineSource.
  std::optional<absl::Duration> NextAt() {
    return held_.empty() ? source_->NextAt() : held_at_;
  }

  // As of LineSource.
  LineBatch Take(absl::Duration until, uint64_t max_messages, size_t max_bytes,
                 absl::Time now) {
    if (!held_.empty()) {
      given_ = std::exchange(held_, {});
      ++position_;
      return {given_, 1};
    }
    const LineBatch batch = source_->Take(until, max_messages, max_bytes, now);
    position_ += batch.messages;
    return batch;
  }

  // Undoes a Take of the one line `line`, which belongs at `at`: it could not
  // be delivered whole, and comes again.
  void PutBack(std::string line, absl::Duration at) {
    held_ = std::move(line);
    held_at_ = at;
    --position_;
  }

 private:
  std::unique_ptr<LineSource> source_;
  uint64_t position_ = 0;
  std::string held_;
  absl::Duration held_at_;
  std::string given_;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_SESSION_H_
