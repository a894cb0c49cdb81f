#ifndef WEIR_RUNNER_CHECK_RECORDED_SAMPLES_H_
#define WEIR_RUNNER_CHECK_RECORDED_SAMPLES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runner/check/samples.h"

namespace weir {

// The messages of the file at `path`, up to `most` of them:
//
//  - of a recording, .zst, .gz or as it is, what the host makes of its lines,
//    and of each also the RAW one; lines that are no message are passed over;
//  - of poison messages, one JSON object of weir.v1.PoisonMessage a line, as
//    `weir --json plugins poison get` prints them and WritePoison writes them:
//    with the fields that stand there, or else those of the payload.
//
// Returns NotFound, PermissionDenied, FailedPrecondition or DataLoss, naming
// the file, if it cannot be read, and InvalidArgument, naming the line, if
// there is no message in it or if one of poison is not whole.
absl::StatusOr<std::vector<Sample>> ReadSamples(const std::string& path,
                                                size_t most);

// What is told of a message that a plugin came to harm by.
struct PoisonStory {
  std::string cause;      // "SIGSEGV"
  std::string where;      // "x.so+0x1234"; empty: not known.
  uint64_t sequence = 1;  // Of the message.
};

// A line, without its end, that ReadSamples reads as `sample` again.
std::string WritePoison(const Sample& sample, const PoisonStory& story);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_RECORDED_SAMPLES_H_
