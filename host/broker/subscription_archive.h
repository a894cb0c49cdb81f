#ifndef WEIR_HOST_BROKER_SUBSCRIPTION_ARCHIVE_H_
#define WEIR_HOST_BROKER_SUBSCRIPTION_ARCHIVE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// What a durable subscription is after a restart. A value.
struct SavedSubscription {
  std::string name;          // "subscriptions/noc"
  std::string settings;      // As SubscriptionCodec writes them.
  uint64_t acked = 0;        // Everything at or before is done.
  int64_t used_unix_ns = 0;  // When somebody last attached or acknowledged.
};

// Where durable subscriptions outlive the process. Thread-safe; no call waits
// for the disk. What is saved or forgotten is on the disk with the next group
// commit of events, and after a second at the latest; a crash before that takes
// it back.
class SubscriptionArchive {
 public:
  virtual ~SubscriptionArchive() = default;

  // What there was at the start.
  virtual std::vector<SavedSubscription> Saved() const = 0;
  virtual void Save(SavedSubscription subscription) = 0;
  virtual void Forget(const std::string& name) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SUBSCRIPTION_ARCHIVE_H_
