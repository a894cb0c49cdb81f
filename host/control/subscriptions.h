#ifndef WEIR_HOST_CONTROL_SUBSCRIPTIONS_H_
#define WEIR_HOST_CONTROL_SUBSCRIPTIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/event_filter.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"

namespace weir {

// A named position in the log with a filter; weir.v1.Subscription in our own
// words, where each field is explained.
struct Subscription {
  std::string name;  // "subscriptions/noc"
  std::string display_name;
  std::vector<EventFilter> filters;
  uint64_t max_unacked_events = 0;  // 0 = 10,000; at most 1,000,000.
  GapPolicy gap_policy = GapPolicy::kNotify;
  std::optional<absl::Duration> idle_ttl;  // Unset = 7 days; 0 = never.
  std::map<std::string, std::string> labels;

  // Output only.
  enum class State { kIdle = 1, kReplaying, kLive, kBlocked, kExpired };
  State state = State::kIdle;
  std::string ack_cursor, delivered_cursor;
  uint64_t backlog_events = 0, unacked_events = 0;
  std::string attached_client, lease_id;
  absl::Time create_time, update_time;
  absl::Time last_ack_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfiniteFuture();
  uint64_t gap_count = 0, missed_events = 0;
  std::string etag;
};

// Which of what can be set is meant.
struct SubscriptionFields {
  bool display_name = false, filters = false, max_unacked_events = false,
       gap_policy = false, idle_ttl = false, labels = false;
};

struct ConsumeOptions {
  std::string name;
  BatchOptions batch;
  std::optional<absl::Duration> heartbeat_interval;
  std::string client_name, peer;
  bool takeover = false;
  bool auto_ack = false;
};

// Durable subscriptions. Thread-safe. The errors are those of
// weir.v1.SubscriptionService, each with its ErrorInfo: SUBSCRIPTION_NOT_FOUND,
// SUBSCRIPTION_EXISTS, SUBSCRIPTION_BUSY, TOO_MANY_SUBSCRIPTIONS, LEASE_LOST,
// ACK_BEYOND_DELIVERED, ETAG_MISMATCH, INVALID_REPLAY_ID and the filter's.
class Subscriptions {
 public:
  virtual ~Subscriptions() = default;

  // Creates `id` at `start`. A repeat with the same non-empty `request_id`
  // within 10 minutes gets the first answer. `validate_only` checks and creates
  // nothing.
  virtual absl::StatusOr<Subscription> Create(absl::string_view id,
                                              Subscription settings,
                                              StartPosition start,
                                              absl::string_view request_id,
                                              bool validate_only) = 0;
  virtual absl::StatusOr<Subscription> Get(absl::string_view name) const = 0;

  // All of them, by name.
  virtual std::vector<Subscription> List() const = 0;

  // Sets `fields` to what `settings` has, and keeps the cursors. An attached
  // consumer stays, and gets what passes the new filters from where it is. With
  // an `etag` that is not that of now nothing is set (ETAG_MISMATCH).
  virtual absl::StatusOr<Subscription> Update(absl::string_view name,
                                              Subscription settings,
                                              SubscriptionFields fields,
                                              absl::string_view etag) = 0;

  // Moves the ack cursor, forward or back. Ends a running Consume with Aborted
  // / LEASE_LOST; its lease is stale at once, and the place free for the next
  // consumer.
  virtual absl::StatusOr<Subscription> Seek(absl::string_view name,
                                            const StartPosition& start) = 0;

  // Ends a running Consume with NotFound / SUBSCRIPTION_DELETED.
  virtual absl::Status Delete(absl::string_view name, absl::string_view etag,
                              bool allow_missing) = 0;

  // Attaches to `options.name` and streams from its ack cursor; see
  // EventLog::Open for `ready`. A stream that another consumer took over ends
  // with Aborted / LEASE_LOST.
  virtual absl::StatusOr<std::unique_ptr<EventStream>> Consume(
      ConsumeOptions options, std::function<void()> ready) = 0;

  struct Acknowledged {
    std::string ack_cursor;
    uint64_t unacked_events = 0;
  };
  // Everything at or before `cursor` is done. An old cursor is OK and changes
  // nothing.
  virtual absl::StatusOr<Acknowledged> Acknowledge(
      absl::string_view name, absl::string_view cursor,
      absl::string_view lease_id) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SUBSCRIPTIONS_H_
