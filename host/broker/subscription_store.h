#ifndef WEIR_HOST_BROKER_SUBSCRIPTION_STORE_H_
#define WEIR_HOST_BROKER_SUBSCRIPTION_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/broker.h"
#include "host/broker/replay_id.h"
#include "host/broker/stream_link.h"
#include "host/broker/subscription_archive.h"
#include "host/broker/subscription_cursor.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/control/subscription_codec.h"
#include "host/control/subscriptions.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Durable subscriptions. They live as long as the log does: with a journal they
// are saved there, and go on after a restart where their consumers acknowledged
// last; without one they end with the process. Thread-safe.
//
// Lock order: the store's lock before the broker's and the streams' own; none
// of these calls back.
class SubscriptionStore final : public Subscriptions {
 public:
  static constexpr size_t kDefaultMaxSubscriptions = 256;
  // For how long a repeated Create gets the first answer.
  static constexpr absl::Duration kRequestTtl = absl::Minutes(10);

  // Where subscriptions are saved, and how; both null = nowhere.
  struct Storage {
    SubscriptionArchive* archive = nullptr;
    const SubscriptionCodec* codec = nullptr;
  };

  // What it is given must outlive the store, and the store its streams.
  // Subscriptions that cannot be read are left out, with a line in the log.
  SubscriptionStore(Broker& broker, const Clock& clock,
                    size_t max_subscriptions = kDefaultMaxSubscriptions)
      : SubscriptionStore(broker, clock, max_subscriptions, Storage()) {}
  SubscriptionStore(Broker& broker, const Clock& clock,
                    size_t max_subscriptions, Storage storage);

  // Saves what moved since the last time: cursors, for the most part. To be
  // called a few times a second, and at the end; what a setting was changed to
  // is saved at once.
  void SaveMoved() ABSL_LOCKS_EXCLUDED(mu_);

  // As Subscriptions says. Further errors of Create: InvalidArgument /
  // INVALID_FIELD for an ID that is not [a-z]([a-z0-9-]{0,61}[a-z0-9])?, a
  // display name of more than 128 bytes, more than 32 labels or a negative
  // idle_ttl; FILTER_TOO_LARGE and such as EventLog::Open.
  absl::StatusOr<Subscription> Create(absl::string_view id,
                                      Subscription settings,
                                      StartPosition start,
                                      absl::string_view request_id,
                                      bool validate_only) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Subscription> Get(absl::string_view name) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Subscription> List() const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Subscription> Update(absl::string_view name,
                                      Subscription settings,
                                      SubscriptionFields fields,
                                      absl::string_view etag) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Subscription> Seek(absl::string_view name,
                                    const StartPosition& start) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Delete(absl::string_view name, absl::string_view etag,
                      bool allow_missing) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::unique_ptr<EventStream>> Consume(
      ConsumeOptions options, std::function<void()> ready) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Acknowledged> Acknowledge(absl::string_view name,
                                           absl::string_view cursor,
                                           absl::string_view lease_id) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Record {
    Subscription settings;  // What was set; the rest is told by the others.
    std::shared_ptr<SubscriptionCursor> cursor;
    std::shared_ptr<StreamLink> attached;  // Null = nobody.
    uint64_t attached_lease = 0;
    absl::Time last_ack_time = absl::InfinitePast();
    absl::Time last_use_time;  // Attached or acknowledged.
    // What was saved last, beside the settings.
    std::array<int64_t, 5> saved = {};
  };
  struct Request {
    absl::Time time;
    Subscription answer;
  };
  using Records = std::map<std::string, Record, std::less<>>;

  // The position that a subscription has after it is set to `start`. `after`
  // is what CheckStart returned.
  absl::StatusOr<uint64_t> Find(const StartPosition& start,
                                const std::optional<ReplayId>& after,
                                GapPolicy policy) const;
  // Checks everything that can be checked by itself and finds `start`.
  absl::StatusOr<Record> MakeRecord(absl::string_view id, Subscription settings,
                                    const StartPosition& start);
  void ForgetOldLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Record*> FindLocked(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Subscription DescribeLocked(const Record& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Restore() ABSL_LOCKS_EXCLUDED(mu_);
  void SaveLocked(Record& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::array<int64_t, 5> MarkOf(const Record& record) const;
  std::string LeaseId(uint64_t lease) const;
  void OnDetach(const std::string& name, uint64_t lease)
      ABSL_LOCKS_EXCLUDED(mu_);

  Broker& broker_;
  const Clock& clock_;
  const size_t max_subscriptions_;
  const Storage storage_;

  mutable Mutex mu_;
  // Those that nobody used for too long are forgotten whenever one looks.
  mutable Records records_ ABSL_GUARDED_BY(mu_);
  mutable std::map<std::string, Request, std::less<>> requests_
      ABSL_GUARDED_BY(mu_);
  // Leases are numbered over all subscriptions, so that one of a deleted
  // subscription is stale for its successor of the same name. With an archive
  // they begin at the time of day, so that one of an earlier life is stale,
  // too.
  uint64_t last_lease_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SUBSCRIPTION_STORE_H_
