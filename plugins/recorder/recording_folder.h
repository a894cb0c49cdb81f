#ifndef WEIR_PLUGINS_RECORDER_RECORDING_FOLDER_H_
#define WEIR_PLUGINS_RECORDER_RECORDING_FOLDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// "2026-11-21T04:00:00.000000000Z"
std::string UtcText(int64_t unix_ns);

// The recordings of one prefix in one directory:
// "ris-20261121T040000.000000000Z.jsonl.zst". Names sort by time. Whatever has
// another form of name is not touched. Not thread-safe.
class RecordingFolder {
 public:
  // What a killed process left, finished.
  struct Recovered {
    std::string path;
    uint64_t bytes = 0;      // Unpacked, of the whole frames,
    uint64_t cut_bytes = 0;  // and packed, of the one that was not whole.
  };

  RecordingFolder(std::string directory, std::string prefix);

  // A name that nobody has, for a recording that begins at that time; if
  // another has it, or a later one was handed out before, as many nanoseconds
  // later as it takes.
  std::string NewPath(int64_t unix_ns);

  // Finishes every recording that no living process writes: cuts it after its
  // last whole frame, and gives it its name. One without a whole frame is
  // removed. What cannot be done is added to `faults`, and the file stays.
  std::vector<Recovered> RecoverLeftovers(std::vector<std::string>* faults);

  // Removes the oldest recordings and their indexes, but for `keep`. Returns
  // what is wrong; empty: nothing is.
  std::string RemoveAllBut(size_t keep);

 private:
  // File names of the prefix that end so, sorted.
  std::vector<std::string> Find(std::string_view ending) const;
  bool IsOurs(std::string_view name, std::string_view ending) const;

  const std::string directory_;
  const std::string prefix_;
  int64_t last_ns_ = INT64_MIN;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_RECORDER_RECORDING_FOLDER_H_
