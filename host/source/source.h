#ifndef WEIR_HOST_SOURCE_SOURCE_H_
#define WEIR_HOST_SOURCE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "host/pipeline/frame_batch.h"

namespace weir {

// Somewhere that frames come from. A source knows how to connect and how to
// read, and nothing of when: trying again is the Streamer's work.
//
// One thread calls Connect and Read. What the others may call says so.
class Source {
 public:
  // About as much payload as one Read returns at most, unless a single frame is
  // longer: a batch then fits the cache of one core.
  static constexpr size_t kBatchBytes = 256 << 10;

  // What it is. Never changes.
  struct Description {
    std::string kind;      // As in HostConfig: "ris_live", "replay_file".
    std::string endpoint;  // URL or file, without credentials.
    // Whether not reading slows the peer down, so that nothing is lost while a
    // handler with policy `block` is full.
    bool flow_control = false;
    // Whether Connect goes on where the last Read ended, so that nothing is
    // lost by an outage.
    bool resumes = false;
    // Whether it is the world as it is now. A recording is not: its messages
    // are old, and that is no lag.
    bool live = true;
  };

  // How far it is, and what it counts. A value.
  struct Progress {
    std::string upstream_position;   // What the next Connect resumes from.
    std::string committed_position;  // What is completed; the same form.
    uint64_t commits = 0;
    uint64_t commit_errors = 0;
    // Of a source that has many, or none, while it is connected: how many now.
    std::optional<uint32_t> connections;
    // Input that gave no frame, by reason: "too_long", "empty", "partial".
    std::map<std::string, uint64_t> skipped_by_reason;
    // What only this kind counts, and what it says of itself in words.
    std::map<std::string, uint64_t> counters;
    std::map<std::string, std::string> details;
  };

  virtual ~Source() = default;

  // Connects, or connects anew after an error, and blocks until the peer has
  // agreed to send.
  //
  // Returns an error as source_error.h says: Unavailable may work later,
  // Cancelled comes of Interrupt, anything else will not work until an operator
  // changes something.
  virtual absl::Status Connect() = 0;

  // Reads what has arrived, and blocks until that is at least one frame. At low
  // rates a batch is a frame and comes at once; at high rates it is up to
  // kBatchBytes. Sets the frames, the time and the receipt of `batch`, which
  // the caller has emptied. The frames are views into the source, valid until
  // the next call of Connect or Read.
  //
  // Returns OutOfRange at the end of a source that has one, and any other error
  // as Connect does. The end of a live stream, however cleanly the peer closed
  // it, is Unavailable. After an error, Connect again.
  virtual absl::Status Read(FrameBatch* batch) = 0;

  // Makes Connect and Read return Cancelled soon, and at once from then on,
  // until Rearm. Any thread; never blocks.
  virtual void Interrupt() = 0;

  // Takes Interrupt back. Any thread; never blocks.
  virtual void Rearm() = 0;

  // Any thread.
  virtual const Description& description() const = 0;
  virtual Progress GetProgress() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_SOURCE_H_
