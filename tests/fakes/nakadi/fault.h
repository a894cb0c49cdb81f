#ifndef WEIR_TESTS_FAKES_NAKADI_FAULT_H_
#define WEIR_TESTS_FAKES_NAKADI_FAULT_H_

#include <cstdint>
#include <string>

namespace weir::fake_nakadi {

// Something that goes wrong, once, at the next request of its kind.
struct Fault {
  enum class Where {
    kOpening,  // Of a stream, before its header.
    kStream,   // In the body of the next stream that opens.
    kCommit,
    kSubscription,  // Its making or finding; kAnswer alone.
    kPublish,
  };
  enum class What {
    kAnswer,      // Answers `status` with `body` and `headers`.
    kHang,        // Takes the request and never answers.
    kClose,       // Hangs up instead of answering.
    kNoStreamId,  // Opening: 200 without X-Nakadi-StreamId.
    kEndAtOnce,   // Opening: 200, and the body is over.
    kSlowHeader,  // Opening: 200, the header a byte each millisecond; with
                  // `after_bytes` nothing more after those.
    kLoseAnswer,  // Commit, publish: does it, then hangs up without a word.
    kFailSome,    // Publish: 207; the storage fails for the events in `body`,
                  // by their numbers in the batch, "0,3".
    // Stream: after `after_bytes` of the body, as they are on the wire before
    // chunking ...
    kFin,    // ... hangs up.
    kReset,  // ... hangs up with a TCP reset.
    kStall,  // ... says nothing more.
    kEnd,    // ... ends the body properly.
    kLine,   // Stream: begins with `body`, as it is.
  };

  Where where = Where::kOpening;
  What what = What::kAnswer;
  int status = 503;
  std::string body;
  std::string headers;  // Whole lines, "Retry-After: 1\r\n".
  uint64_t after_bytes = 0;
};

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_FAULT_H_
