#ifndef WEIR_HOST_BROKER_STREAM_LINK_H_
#define WEIR_HOST_BROKER_STREAM_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/broker/alarm.h"
#include "host/broker/filter.h"
#include "host/sync/mutex.h"

namespace weir {

// What a stream last said of itself. Times are Clock::MonotonicNs. A value.
struct StreamProgress {
  uint64_t start = 0, cursor = 0;
  uint64_t delivered_events = 0, delivered_bytes = 0, filtered_events = 0,
           missed_events = 0, messages = 0, gaps = 0;
  bool replaying = true;        // Not caught up.
  bool waiting = false;         // The last Next had nothing to say.
  bool more = false;            // ... but has more to look at.
  bool blocked = false;         // ... until something is acknowledged.
  bool reading = false;         // ... until something is read from a file.
  bool ended = false;           // kEnd was said.
  int64_t held_until_ns = 0;    // Nothing live is said before.
  int64_t heartbeat_at_ns = 0;  // Something is said at the latest then.
  int64_t write_since_ns = 0;   // Of the item that is being written; 0 = none.
};

// What a stream and the broker that serves it know of each other. The stream
// reports its progress here and takes commands; the broker's thread looks, and
// calls the listener when it is time. So neither ever waits for the other's
// work. Thread-safe.
class StreamLink {
 public:
  // What a Notice says.
  struct Announcement {
    std::string code, message;
  };
  struct Command {
    absl::Status end;                           // Not OK = say this end.
    std::optional<absl::Duration> drain;        // Announce a drain, then end.
    std::shared_ptr<const FilterClass> filter;  // Not null = the filter now.
    std::vector<Announcement> announcements;    // All so far, oldest first.
  };

  // `number` and the texts are for statistics. `alarm` must outlive the link.
  StreamLink(uint64_t number, std::string subscription, std::string client,
             absl::Time start_time, std::function<void()> ready, Alarm& alarm);

  // For the stream.
  void Report(const StreamProgress& progress) ABSL_LOCKS_EXCLUDED(mu_);
  Command command() const ABSL_LOCKS_EXCLUDED(mu_);
  // No listener is called after this: waits for a call that another thread is
  // in, but not for the one that it is called from.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_);

  // For whoever has something to tell it. The first end counts.
  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);
  void Drain(absl::Duration retry_after) ABSL_LOCKS_EXCLUDED(mu_);
  // From the stream's cursor on. Call Poke if it may have something to say now.
  void SetFilter(std::shared_ptr<const FilterClass> filter)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Announce(Announcement announcement) ABSL_LOCKS_EXCLUDED(mu_);
  // Has the listener called soon, whatever the progress says.
  void Poke() ABSL_LOCKS_EXCLUDED(mu_);

  // For the broker's thread.
  StreamProgress progress() const ABSL_LOCKS_EXCLUDED(mu_);
  // When the listener is to be called, while the newest event is `latest`.
  // kNever once it was called, until the stream reports again.
  int64_t DueNs(uint64_t latest) const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether an event that is appended now would be said now.
  bool AwaitsNews(uint64_t latest, int64_t now_ns) const
      ABSL_LOCKS_EXCLUDED(mu_);
  void Notify() ABSL_LOCKS_EXCLUDED(mu_);

  uint64_t number() const { return number_; }
  const std::string& subscription() const { return subscription_; }
  const std::string& client() const { return client_; }
  absl::Time start_time() const { return start_time_; }

 private:
  const uint64_t number_;
  const std::string subscription_;
  const std::string client_;
  const absl::Time start_time_;
  const std::function<void()> ready_;
  Alarm& alarm_;

  mutable Mutex mu_;
  CondVar called_;
  StreamProgress progress_ ABSL_GUARDED_BY(mu_);
  Command command_ ABSL_GUARDED_BY(mu_);
  bool poked_ ABSL_GUARDED_BY(mu_) = false;
  bool notified_ ABSL_GUARDED_BY(mu_) = false;
  bool detached_ ABSL_GUARDED_BY(mu_) = false;
  // The thread that is in ready_.
  std::optional<std::thread::id> caller_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_STREAM_LINK_H_
