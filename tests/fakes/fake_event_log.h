#ifndef WEIR_TESTS_FAKES_FAKE_EVENT_LOG_H_
#define WEIR_TESTS_FAKES_FAKE_EVENT_LOG_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/control/event_log.h"
#include "host/sync/mutex.h"

namespace weir {

// A log whose streams say what a test puts in, in order. Knows nothing of
// cursors. Thread-safe.
class FakeEventLog final : public EventLog {
 public:
  absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> ready) override {
    MutexLock lock(&mu_);
    opened_.push_back(std::move(options));
    if (!refusal_.ok()) return refusal_;
    ready_ = std::move(ready);
    ++attached_;
    return std::make_unique<Stream>(*this);
  }
  LogInfo Info() const override {
    LogInfo info;
    info.epoch = "fake";
    info.latest_id = "fake-7";
    info.event_count = 7;
    return info;
  }
  BrokerStats Stats() const override {
    BrokerStats stats;
    stats.latest_seq = 7;
    return stats;
  }
  std::vector<SubscriberStats> Subscribers() const override { return {}; }

  // Says `item` next, on whichever stream asks.
  void Say(StreamItem item) {
    std::function<void()> ready;
    {
      MutexLock lock(&mu_);
      items_.push_back(std::move(item));
      ready = ready_;
    }
    if (ready) ready();
  }

  // From now on, Open answers this.
  void Refuse(absl::Status status) {
    MutexLock lock(&mu_);
    refusal_ = std::move(status);
  }

  // Blocks until `n` streams are attached.
  void AwaitAttached(int n) {
    MutexLock lock(&mu_);
    while (attached_ != n) changed_.Wait(&mu_);
  }

  std::vector<StreamOptions> opened() const {
    MutexLock lock(&mu_);
    return opened_;
  }

 private:
  class Stream final : public EventStream {
   public:
    explicit Stream(FakeEventLog& log) : log_(log) {}
    ~Stream() override {
      MutexLock lock(&log_.mu_);
      log_.ready_ = nullptr;
      --log_.attached_;
      log_.changed_.NotifyAll();
    }
    bool Next(StreamItem* item) override {
      MutexLock lock(&log_.mu_);
      if (log_.items_.empty()) return false;
      *item = std::move(log_.items_.front());
      log_.items_.pop_front();
      return true;
    }
    absl::Status forced_end() const override { return absl::OkStatus(); }
    void OnWritten(uint64_t) override {}

   private:
    FakeEventLog& log_;
  };

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<StreamItem> items_ ABSL_GUARDED_BY(mu_);
  std::function<void()> ready_ ABSL_GUARDED_BY(mu_);
  std::vector<StreamOptions> opened_ ABSL_GUARDED_BY(mu_);
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  int attached_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_EVENT_LOG_H_
