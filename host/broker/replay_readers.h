#ifndef WEIR_HOST_BROKER_REPLAY_READERS_H_
#define WEIR_HOST_BROKER_REPLAY_READERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/journal_reader.h"
#include "host/broker/log_source.h"
#include "host/broker/replay_feed.h"
#include "host/broker/replay_quantum.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct ReplayReadersOptions {
  // Feeds that hold something read at once; others wait.
  uint32_t max_concurrent = 4;
  // 0: nothing is read but by RunOne (tests).
  int threads = 2;
  size_t quantum_bytes = 512 << 10;
};

// Reads the journal for all streams that are below the ring. A feed gets a
// quantum at a time, and the one that got the fewest bytes so far is next, so a
// thousand clients that come back at once share the disk, and one that just
// came does not wait for those that have gigabytes to go. A feed that does not
// take what was read for it gives its place up after a second, if others wait.
//
// Those who came back together are at about the same place. What was read last
// is kept while somebody waits, and given to everybody who wants it, so it is
// read, checked and taken apart once, however many they are.
//
// Thread-safe.
class ReplayReaders {
 public:
  using OpenReader =
      std::function<absl::StatusOr<std::unique_ptr<JournalReader>>()>;

  // `log` says what there is; it, `codec` and `clock` must outlive the readers.
  ReplayReaders(const ReplayReadersOptions& options, OpenReader open_reader,
                const LogSource& log, const EventCodec& codec,
                const Clock& clock);
  ~ReplayReaders();

  void Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing is read and no listener called after this. Safe to call twice.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // A feed of LogSource::OpenFeed. Must not outlive the readers.
  std::unique_ptr<ReplayFeed> Open(std::function<void()> ready, bool keys)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Reads for one feed, if one waits that may be served. For tests without
  // threads.
  bool RunOne() ABSL_LOCKS_EXCLUDED(mu_);

  // Feeds: that hold something read, now and the most there were at once, and
  // that wait for their turn.
  struct Load {
    uint32_t active = 0, most_active = 0, waiting = 0;
  };
  Load load() const ABSL_LOCKS_EXCLUDED(mu_);

  // Chunks read so far.
  uint64_t reads() const { return reads_.load(std::memory_order_relaxed); }

 private:
  class Feed;
  struct Place {
    enum class Ask { kNothing, kWaiting, kReading };
    std::function<void()> ready;
    bool keys = false;
    Ask ask = Ask::kNothing;
    uint64_t seq = 0;                // Asked for, ...
    std::optional<absl::Time> time;  // ... or this is.
    ReplayQuantum got;
    bool has_got = false;
    bool got_kept = false;  // `got` was read for another.
    uint64_t served_bytes = 0;
    int64_t last_take_ns = 0;
    bool closed = false;

    bool active() const {
      return ask == Ask::kReading || (!got.chunks.empty() && !got_kept);
    }
  };

  // A quantum that others may want.
  struct Kept {
    std::deque<ChunkView> chunks;  // At least one.
    uint64_t next = 0;
    bool keys = false;
  };

  ReplayFeed::Answer Take(Place& place, uint64_t seq) ABSL_LOCKS_EXCLUDED(mu_);
  void LetGo(Place& place) ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<uint64_t> FindTime(Place& place, absl::Time time)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Close(const std::shared_ptr<Place>& place) ABSL_LOCKS_EXCLUDED(mu_);
  // Keeps what was read, and gives it to those who wait for it; adds these to
  // `served`.
  void KeepLocked(const ReplayQuantum& got, bool keys,
                  std::vector<std::shared_ptr<Place>>* served)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  const Kept* FindKeptLocked(const Place& place, uint64_t seq) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns false if nothing is kept of `seq`.
  bool GiveKeptLocked(Place& place, uint64_t seq)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool SomebodyWaitsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AskLocked(Place& place, uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint32_t CountActiveLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<Place> PickLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Serve(const std::shared_ptr<Place>& place,
             std::unique_ptr<JournalReader>& reader) ABSL_LOCKS_EXCLUDED(mu_);
  void Run();

  const ReplayReadersOptions options_;
  const OpenReader open_reader_;
  const LogSource& log_;
  const EventCodec& codec_;
  const Clock& clock_;
  std::atomic<uint64_t> reads_{0};

  mutable Mutex mu_;
  CondVar changed_;
  std::list<std::shared_ptr<Place>> places_ ABSL_GUARDED_BY(mu_);
  uint64_t served_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of the last one picked.
  std::deque<Kept> kept_ ABSL_GUARDED_BY(mu_);      // The newest last.
  uint32_t most_active_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<JournalReader> own_reader_;  // RunOne's.
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REPLAY_READERS_H_
