#ifndef WEIR_PLUGINS_RECORDER_RECORDING_H_
#define WEIR_PLUGINS_RECORDER_RECORDING_H_

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

// Lines that are written together, as one frame of zstd. A value.
struct LineBlock {
  void Add(std::string_view line, int64_t received_ns) {
    if (messages++ == 0) first_ns = received_ns;
    last_ns = received_ns;
    text += line;
    text += '\n';
  }
  // Keeps the memory of the text for the next block.
  void Clear() {
    text.clear();
    messages = 0;
  }

  std::string text;
  uint64_t messages = 0;
  int64_t first_ns = 0;  // When the first and the last one were received.
  int64_t last_ns = 0;
};

// One recording that is being written: PATH.part, which becomes PATH when it is
// finished, and beside it PATH.idx, by which a reader finds a time in it.
//
// Every block is a frame of its own and goes out before Write returns, so a
// killed process loses none of them, and a reader may begin at each. PATH.idx
// has a line for each: when its first message was received (nanoseconds since
// 1970), and the bytes before it, unpacked and packed:
//
//   1795233600000000000 0 0
//   1795233605012000000 4194816 813377
//
// While it is open, PATH.part is locked (flock), so that nobody takes it for
// one that a killed process left. Not thread-safe.
//
// Each call that can go wrong returns what went wrong: the file, the system's
// reason, and what became of it. Empty: nothing did.
class Recording {
 public:
  struct Totals {
    uint64_t messages = 0;
    uint64_t bytes = 0;         // Unpacked.
    uint64_t packed_bytes = 0;  // The size of the file.
    int64_t first_ns = 0;
    int64_t last_ns = 0;
  };

  // `level` is zstd's, 1 to 19.
  Recording(std::string path, int level);
  // Leaves PATH.part behind if the recording is not finished.
  ~Recording();

  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Creates both files. Neither PATH nor PATH.part may be there. After an error
  // there are none.
  std::string Open();

  // Writes a block that is not empty. After an error the files are as they were
  // before.
  std::string Write(const LineBlock& block);

  // Closes both files and gives the recording its name. One without a block is
  // removed. The last call.
  std::string Finish();

  const std::string& path() const { return path_; }
  const Totals& totals() const { return totals_; }

 private:
  const std::string path_;
  const std::string part_path_;
  const std::string index_path_;
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> packer_;
  int part_ = -1;
  int index_ = -1;
  uint64_t index_bytes_ = 0;
  std::string packed_;
  Totals totals_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_RECORDER_RECORDING_H_
