#ifndef WEIR_HOST_SOURCE_REPLAY_FILE_SOURCE_H_
#define WEIR_HOST_SOURCE_REPLAY_FILE_SOURCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/line_framer.h"
#include "host/source/recording_file.h"
#include "host/source/replay_position.h"
#include "host/source/replay_progress.h"
#include "host/source/sleeper_factory.h"
#include "host/source/source.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/sleeper.h"

namespace weir {

struct ReplayFileOptions {
  std::string path;  // .jsonl; ".zst" and ".gz" are unpacked.
  // 1 = as recorded, 10 = ten times as fast, 0 = as fast as handlers take it.
  double speed = 1;
  uint32_t loops = 1;    // How often in all.
  bool endless = false;  // Start over at the end, for soaking.
  // Begin where the state file says that the last run was completed to.
  bool resume = false;
  // Where that is kept; its folder must exist. Empty: it is not.
  std::string state_file;
  // Skip lines that are older; those that say no time are not.
  absl::Time start_time = absl::InfinitePast();
  size_t max_payload_bytes = LineFramer::kDefaultMaxLineBytes;
};

// Plays a recording: each line a frame, byte for byte, in the order of the
// file, each at the time that its "timestamp" says. A line that says none, or
// is older than the one before it, comes at once after that one. A gap of more
// than a minute, or a jump back by more, is where two recordings were put
// together: it takes a minute at most.
//
// After Interrupt, Connect goes on with the line after the last one handed
// over. At the end of the last loop Read returns OutOfRange.
//
//   no such file, may not read it    connect, final
//   damaged or cut short             protocol (DataLoss), final; all lines
//                                    before the place came before
//   the state file is of another     connect (FailedPrecondition), final
class ReplayFileSource final : public Source {
 public:
  // `clock` must outlive the source and its receipts.
  ReplayFileSource(const ReplayFileOptions& options, const Clock& clock,
                   SleeperFactory sleepers);

  absl::Status Connect() override;
  absl::Status Read(FrameBatch* batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mu_);
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // How long a gap between two lines may be, in the recording's time.
  static constexpr int64_t kMaxGapNs = 60'000'000'000;

  // A line that is to come.
  struct Line {
    absl::string_view text;
    ReplayPosition end;
    int64_t due_ns = 0;  // By the clock; 0 is at once.
  };

  absl::Status Open();
  absl::Status SkipTo(uint64_t offset);
  // Takes the next line of what was read of the file into next_, if it has one.
  void FindLine();
  // Sets next_ unless the line is too old.
  void Consider(absl::string_view text);
  // Reads on. May end a loop.
  absl::Status Fill();
  absl::Status EndLoop();
  int64_t DueNs(int64_t recorded_ns);
  // Returns false if it was interrupted.
  bool SleepFor(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_);
  void PublishPosition() ABSL_LOCKS_EXCLUDED(mu_);

  const ReplayFileOptions options_;
  const Clock& clock_;
  const SleeperFactory sleepers_;
  const Description description_;
  const std::shared_ptr<ReplayProgress> progress_;

  // The source's thread's own.
  bool begun_ = false;  // The state file was looked at.
  std::unique_ptr<RecordingFile> file_;
  std::optional<LineFramer> framer_;
  std::vector<char> buffer_;
  absl::string_view chunk_;  // What of the buffer is not cut yet.
  uint64_t read_ = 0;        // Bytes of this loop up to the chunk's end.
  std::optional<Line> next_;
  ReplayPosition position_;  // After what was handed over last.
  bool loop_has_lines_ = false;
  // Which recorded time is which time of the clock, and the newest seen.
  std::optional<int64_t> base_recorded_ns_;
  int64_t base_ns_ = 0;
  int64_t newest_recorded_ns_ = 0;

  std::atomic<bool> interrupted_{false};
  mutable Mutex mu_;
  std::unique_ptr<Sleeper> sleeper_ ABSL_GUARDED_BY(mu_);
  ReplayPosition shown_position_ ABSL_GUARDED_BY(mu_);
  LineFramer::Skipped skipped_ ABSL_GUARDED_BY(mu_);
  // Of framers before the present one. The source's thread's own.
  LineFramer::Skipped skipped_before_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_REPLAY_FILE_SOURCE_H_
