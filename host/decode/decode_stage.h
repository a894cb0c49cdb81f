#ifndef WEIR_HOST_DECODE_DECODE_STAGE_H_
#define WEIR_HOST_DECODE_DECODE_STAGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/source_stats.h"
#include "host/decode/decoder.h"
#include "host/metrics/histogram.h"
#include "host/metrics/rate_meter.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/frame_sink.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct DecodeStageOptions {
  // The source's resource name, "sources/ris-live".
  std::string source;
  // Its number in the table of sources.
  uint32_t source_id = 0;
  // How many bad payloads are kept for whoever debugs; `logging.samples`.
  size_t samples = 10;
};

// Where the frames of one source become messages: decodes each, once, and hands
// all that came in one batch on in one batch. A bad frame is counted, kept as a
// sample and skipped; nothing that arrives ends the stream.
//
//   frame --> RAW, if a handler wants it --> what the decoder makes of it
//
// OPEN and NOTIFICATION are logged with peer and AS number.
//
// Accept is called by one thread; everything else is thread-safe. Locks are
// taken once for a batch.
class DecodeStage final : public FrameSink {
 public:
  // A sample is cut to this.
  static constexpr size_t kSampleBytes = 256;

  // What the stage works with. All must outlive it.
  struct Parts {
    SlabPool& pool;
    const NameTable& types;
    // The last number given to a message of any source.
    std::atomic<uint64_t>& last_seq;
    MessageSink& sink;
    // Called with what the server says is wrong, from within Accept; whoever
    // keeps the source's last error makes an event of it. May be empty.
    std::function<void(absl::string_view)> upstream_error;
    const Clock& clock;
  };

  // Batches may outlive the stage, but not `parts.pool`.
  DecodeStage(DecodeStageOptions options, std::unique_ptr<Decoder> decoder,
              const Parts& parts);

  // Sets of each message what the decoder cannot know: seq, recv_ns, source_id.
  // A batch of which nothing remains is completed at once.
  void Accept(FrameBatch& batch) override ABSL_LOCKS_EXCLUDED(mu_);

  // What was counted so far: the part of SourceStats that is about payloads.
  // The connection's part, and what the framer skipped, is left as it is made.
  // RAW is in none of the counts.
  SourceStats Read() const ABSL_LOCKS_EXCLUDED(mu_);

  // The newest time that a message of the last batch bore, InfinitePast before
  // the first: `now` minus this is how far the source is behind.
  absl::Time newest_event_time() const {
    return TimeOf(newest_event_ns_.load(std::memory_order_relaxed));
  }

  // When the last message came, InfinitePast before the first.
  absl::Time last_message_time() const {
    return TimeOf(last_message_ns_.load(std::memory_order_relaxed));
  }

 private:
  // What became of the batches. Shared with their receipts, which may be the
  // last to live.
  struct Completions {
    std::atomic<uint64_t> handed_out{0};
    std::atomic<uint64_t> completed{0};
    std::atomic<uint64_t> incomplete{0};
  };

  // What one batch came to, before it is added to the rest.
  struct Tally {
    std::vector<uint64_t> by_type;  // Indexed by type_id.
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t parse_errors = 0;
    std::map<std::string, uint64_t> by_reason;  // Those that have one.
    uint64_t empty = 0;
    uint64_t not_messages = 0;
    uint64_t unknown_types = 0;
    uint64_t upstream_errors = 0;
    std::vector<std::string> samples;
    std::string first_problem;
    std::string first_with_reason;
    int64_t newest_event_ns = 0;
    int64_t decode_ns = 0;
  };

  static absl::Time TimeOf(int64_t ns) {
    return ns == 0 ? absl::InfinitePast() : absl::FromUnixNanos(ns);
  }

  Receipt Wrap(Receipt receipt);
  void DecodeFrame(absl::string_view frame, absl::string_view subject, bool raw,
                   Tally* tally);
  // Sets, of the messages behind `before`, what the source says of their frame;
  // a time that the payload itself tells is kept.
  void Annotate(const Message* before, const FrameNote& note);
  // Finishes the messages of the batch and counts them by type.
  void FinishMessages(int64_t recv_ns, Tally* tally);
  void LogSession(const Message& message) const;
  void TellUpstreamError(absl::string_view text) const;
  void Add(Tally tally, int64_t recv_ns, int64_t now_ns)
      ABSL_LOCKS_EXCLUDED(mu_);

  const DecodeStageOptions options_;
  const std::unique_ptr<Decoder> decoder_;
  const Parts parts_;
  const std::shared_ptr<Completions> completions_ =
      std::make_shared<Completions>();
  MessageWriter writer_;

  std::atomic<int64_t> newest_event_ns_{0};
  std::atomic<int64_t> last_message_ns_{0};

  mutable Mutex mu_;
  Tally total_ ABSL_GUARDED_BY(mu_);  // Without samples and problem.
  std::deque<std::string> samples_ ABSL_GUARDED_BY(mu_);
  absl::Duration lag_ ABSL_GUARDED_BY(mu_);
  // These turn their windows when they are read.
  mutable Histogram lag_histogram_ ABSL_GUARDED_BY(mu_);
  mutable Histogram decode_histogram_ ABSL_GUARDED_BY(mu_);
  mutable RateMeter message_rate_ ABSL_GUARDED_BY(mu_);
  mutable RateMeter byte_rate_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_DECODE_DECODE_STAGE_H_
