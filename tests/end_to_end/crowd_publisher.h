#ifndef WEIR_TESTS_END_TO_END_CROWD_PUBLISHER_H_
#define WEIR_TESTS_END_TO_END_CROWD_PUBLISHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "grpcpp/grpcpp.h"
#include "host/sync/mutex.h"
#include "weir/v1/event.grpc.pb.h"

namespace weir {

// Publishes the events that the readers of a crowd follow: the types crowd.0,
// crowd.1 ... in turn, and as subjects the numbers 1, 2, 3 ... in each type, in
// this order. About 300 bytes each. One call at a time. Thread-safe.
class CrowdPublisher {
 public:
  CrowdPublisher(std::shared_ptr<grpc::Channel> channel, int types);
  ~CrowdPublisher();

  CrowdPublisher(const CrowdPublisher&) = delete;
  CrowdPublisher& operator=(const CrowdPublisher&) = delete;

  // Publishes `n` events and waits until the last is on disk.
  void Publish(uint64_t n) ABSL_LOCKS_EXCLUDED(mu_);

  // Publishes one event of another type, with the subject 1.
  void PublishOne(const std::string& type) ABSL_LOCKS_EXCLUDED(mu_);

  // Publishes so many events a second in the background, in bursts each 10 ms;
  // 0 stops that, and waits for the call under way.
  void SetRate(uint64_t per_second) ABSL_LOCKS_EXCLUDED(mu_);

  // How many there are of each type.
  std::vector<uint64_t> published() const ABSL_LOCKS_EXCLUDED(mu_);

  // Calls that were refused, at most ten.
  std::vector<std::string> faults() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void PublishLocked(uint64_t n, bool journaled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CallLocked(const v1::PublishRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run(uint64_t per_second) ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<v1::EventService::Stub> stub_;

  mutable Mutex mu_;
  CondVar stop_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<uint64_t> published_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> faults_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // Of whoever sets the rate.
};

}  // namespace weir

#endif  // WEIR_TESTS_END_TO_END_CROWD_PUBLISHER_H_
