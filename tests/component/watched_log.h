#ifndef WEIR_TESTS_COMPONENT_WATCHED_LOG_H_
#define WEIR_TESTS_COMPONENT_WATCHED_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/sync/mutex.h"

namespace weir {

// A log between a service and a broker: passes everything on, and knows for
// each client, by the name that it gave, what its newest stream has said. So a
// test that reads at the other end of a connection knows whether more is to
// come, without waiting for it. Thread-safe.
class WatchedLog final : public EventLog {
 public:
  // `log` must outlive it. `changed` is called by any thread after each answer
  // of a stream, and must not call back.
  WatchedLog(EventLog& log, std::function<void()> changed)
      : log_(log), changed_(std::move(changed)) {}

  absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> ready) override
      ABSL_LOCKS_EXCLUDED(mu_);
  LogInfo Info() const override { return log_.Info(); }
  BrokerStats Stats() const override { return log_.Stats(); }
  std::optional<JournalStats> Journal() const override {
    return log_.Journal();
  }
  std::vector<SubscriberStats> Subscribers() const override {
    return log_.Subscribers();
  }

  // How many items the newest stream of `client` has said, if it has nothing to
  // say now and has not ended; else nullopt.
  std::optional<uint64_t> SaidAll(const std::string& client) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Has the newest stream of `client` looked at, as the thread of a broker
  // does when it is due.
  void Poke(const std::string& client) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends that stream as a connection that breaks does: what is being written
  // may arrive or not, and no details of weir's come with it.
  void Break(const std::string& client) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;
  struct State;

  std::shared_ptr<State> Find(const std::string& client) const
      ABSL_LOCKS_EXCLUDED(mu_);

  EventLog& log_;
  const std::function<void()> changed_;
  mutable Mutex mu_;
  std::map<std::string, std::shared_ptr<State>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_COMPONENT_WATCHED_LOG_H_
