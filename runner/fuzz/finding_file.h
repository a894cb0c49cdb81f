#ifndef WEIR_RUNNER_FUZZ_FINDING_FILE_H_
#define WEIR_RUNNER_FUZZ_FINDING_FILE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runner/check/checked_run.h"
#include "runner/check/recorded_samples.h"
#include "runner/check/samples.h"

namespace weir {

// A file of the inputs that a plugin came to harm by, as few and as small as
// they are found to do.
class FindingFile {
 public:
  struct Written {
    size_t messages = 0;
    bool reproduced = false;  // Else all that came before is there.
  };
  // Gives the messages of the file to a fresh instance.
  using Replay = std::function<absl::StatusOr<CheckedRun>()>;

  // `replay` must be of the file at `path`, which is replaced.
  FindingFile(std::string path, PoisonStory story, Replay replay)
      : path_(std::move(path)),
        story_(std::move(story)),
        replay_(std::move(replay)) {}

  // `inputs` is what an instance was given, the last of which it did not come
  // back from. Tries that one alone, then with more and more of those before
  // it; makes what does the same smaller, with kMaxTrials replays at most.
  //
  // Returns what `replay` returns, and Unavailable if the file cannot be
  // written.
  absl::StatusOr<Written> Write(std::vector<Sample> inputs);

  static constexpr int kMaxTrials = 64;
  static constexpr int kMaxHangs = 8;  // Each of which takes its time.

 private:
  bool IsOver() const { return trials_ >= kMaxTrials || hangs_ >= kMaxHangs; }
  // Whether that does harm of the same cause.
  absl::StatusOr<bool> Harms(const std::vector<Sample>& inputs);
  absl::Status Put(const std::vector<Sample>& inputs) const;
  absl::Status Shrink(Sample sample, Sample& smallest);

  const std::string path_;
  const PoisonStory story_;
  const Replay replay_;
  int trials_ = 0;
  int hangs_ = 0;
};

}  // namespace weir

#endif  // WEIR_RUNNER_FUZZ_FINDING_FILE_H_
