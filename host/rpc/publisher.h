#ifndef WEIR_HOST_RPC_PUBLISHER_H_
#define WEIR_HOST_RPC_PUBLISHER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/event_publisher.h"
#include "host/rpc/answer_cache.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/token_bucket.h"
#include "weir/v1/event.pb.h"

namespace weir {

// Takes the requests of EventService.Publish: checks them, keeps them below the
// rate, sees to it that a repeat appends nothing, and appends. Thread-safe.
class Publisher {
 public:
  static constexpr int kMaxEvents = 1000;
  static constexpr size_t kMaxRequestIdBytes = 128;

  // Called once, with the serialized PublishResponse.
  using Done = AnswerCache::Waiter;

  // At most `per_second` events, of all callers together; so many may come at
  // once, or kMaxEvents if that is more. Both references must outlive this, and
  // `log` be closed before it dies.
  Publisher(EventPublisher& log, const Clock& clock, uint32_t per_second);

  // Publishes `request` of a caller at `peer`, as gRPC writes it, and calls
  // `done`: now or later.
  //
  // Gives InvalidArgument / INVALID_FIELD {field, limit} for a request of no
  // event or of more than kMaxEvents and for a request_id that is longer than
  // kMaxRequestIdBytes, EVENT_INVALID as EventFromProto,
  // ResourceExhausted / RATE_LIMITED {limit, scope} with a retry delay, and the
  // errors of EventPublisher::Append.
  void Publish(const v1::PublishRequest& request, absl::string_view peer,
               Done done) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Append(const v1::PublishRequest& request, absl::string_view peer,
              const Done& done) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TakeFromBucket(int n) ABSL_LOCKS_EXCLUDED(mu_);

  EventPublisher& log_;
  const Clock& clock_;
  const uint32_t per_second_;
  AnswerCache answers_;

  Mutex mu_;
  TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PUBLISHER_H_
