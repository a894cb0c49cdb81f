#ifndef WEIR_TESTS_END_TO_END_CROWD_READER_H_
#define WEIR_TESTS_END_TO_END_CROWD_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"
#include "host/sync/mutex.h"
#include "weir/v1/event.pb.h"

namespace weir {

// What the JSON of an event of CrowdPublisher has before the time at which it
// was published: nanoseconds of CLOCK_MONOTONIC, in kCrowdDigits digits.
inline constexpr char kCrowdMark[] = "\"sent_ns\":1";
inline constexpr int kCrowdDigits = 18;  // Behind the 1, so that none is a 0.
int64_t CrowdNowNs();

// One reader of a crowd: follows the events of one type through any number of
// streams, as a client does that keeps its cursor. The subjects of these events
// are 1, 2, 3 ...: it knows by itself what is missing or comes twice.
//
// Cheap: raw gRPC, and of a response only what is said here is looked at.
//
// Thread-safe, but for Attach and Detach: by one thread at a time.
class CrowdReader {
 public:
  // What it saw up to now.
  struct State {
    uint64_t last = 0;                    // The number of the last event.
    std::string cursor;                   // Empty: it was never told one.
    bool attached = false;                // There is a stream.
    bool caught_up = false;               // ... that said so.
    uint64_t streams = 0;                 // Begun so far.
    uint64_t broken = 0;                  // Of these, ended by the server.
    std::string stream_id, start_cursor;  // Of the present stream, once known.
    uint64_t delivered = 0;               // On the present stream.
  };

  CrowdReader(std::string type, std::string name);
  ~CrowdReader();  // Detaches, and waits for the end.

  CrowdReader(const CrowdReader&) = delete;
  CrowdReader& operator=(const CrowdReader&) = delete;

  // Begins a stream after the cursor; without one at the beginning of the log,
  // or at its end if `latest`. Nothing while there is a stream. Waits until the
  // server is there.
  void Attach(const std::shared_ptr<grpc::Channel>& channel,
              bool latest = false) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream, without waiting for it.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_);

  State state() const ABSL_LOCKS_EXCLUDED(mu_);

  // What no reader should see, at most ten: a hole, a repeat, a gap.
  std::vector<std::string> faults() const ABSL_LOCKS_EXCLUDED(mu_);

  // From publishing to reading, in microseconds, since the last call.
  std::vector<uint32_t> TakeLatencies() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;

  void FillStartLocked(bool latest, v1::SubscribeRequest* request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnMessage(absl::string_view bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void OnEvent(absl::string_view bytes, int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnEnd(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void FaultLocked(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string type_, name_;
  std::unique_ptr<Stream> stream_;  // Of whoever attaches and detaches.

  mutable Mutex mu_;
  CondVar ended_;
  bool detaching_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t batch_index_ ABSL_GUARDED_BY(mu_) = 0;
  State state_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> faults_ ABSL_GUARDED_BY(mu_);
  std::vector<uint32_t> latencies_us_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_END_TO_END_CROWD_READER_H_
