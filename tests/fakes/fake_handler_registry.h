#ifndef WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_
#define WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_copy.h"
#include "host/sync/mutex.h"

namespace weir {

// A slot without a queue or a thread: whatever is asked of a handler is done by
// the caller, at once. Its statistics are what a test says. Thread-safe.
class FakeHandlerSlot final : public HandlerSlot {
 public:
  explicit FakeHandlerSlot(HandlerOptions options)
      : options_(std::move(options)) {
    stats_.last_drop = absl::InfinitePast();
  }

  absl::StatusOr<Prepared> Prepare(std::shared_ptr<Handler> handler,
                                   std::function<void()> on_gone) override {
    if (absl::Status status = handler->Create(); !status.ok()) return status;
    const int64_t capacity = handler->QueueCapacity();
    if (capacity <= 0) {
      handler->Destroy();
      return absl::InvalidArgumentError(
          absl::StrCat("asks for a queue of ", capacity, " messages"));
    }
    MutexLock lock(&mu_);
    instances_[++last_] = {std::move(handler), std::move(on_gone), capacity};
    return Prepared{last_, capacity};
  }

  absl::Status Switch(uint64_t instance, absl::Duration) override {
    MutexLock lock(&mu_);
    if (!switches_) return absl::DeadlineExceededError("it is in a message");
    turn_ = instance;
    if (instance == 0) return absl::OkStatus();
    Instance& next = instances_.at(instance);
    stats_.wanted_types.clear();
    for (const char* type : {"UPDATE", "STATE", "RAW"}) {
      if (next.handler->WantsMessage(type)) stats_.wanted_types.push_back(type);
    }
    stats_.capacity = static_cast<uint32_t>(next.capacity);
    return absl::OkStatus();
  }

  absl::Status Call(uint64_t instance, std::function<void(Handler&)> call,
                    absl::Duration) override {
    std::shared_ptr<Handler> handler;
    {
      MutexLock lock(&mu_);
      if (!answers_calls_) return absl::DeadlineExceededError("in a message");
      const auto found = instances_.find(instance);
      if (found == instances_.end()) return absl::NotFoundError("it has ended");
      handler = found->second.handler;
    }
    call(*handler);
    return absl::OkStatus();
  }

  void End(uint64_t instance) override {
    Instance ended;
    {
      MutexLock lock(&mu_);
      const auto found = instances_.find(instance);
      if (found == instances_.end()) return;
      ended = std::move(found->second);
      instances_.erase(found);
      if (turn_ == instance) turn_ = 0;
    }
    if (!ended.dead) ended.handler->Destroy();
  }

  void Configure(const HandlerOptions& options) override {
    MutexLock lock(&mu_);
    options_ = options;
  }

  void SetIntake(Intake intake) override {
    MutexLock lock(&mu_);
    intake_ = intake;
  }
  void Hold(bool held) override {
    MutexLock lock(&mu_);
    held_ = held;
  }
  bool Drain(absl::Duration timeout) override {
    std::function<void()> on_drain;
    {
      MutexLock lock(&mu_);
      drains_.push_back(timeout);
      on_drain = on_drain_;
    }
    if (on_drain) on_drain();
    return true;
  }
  uint64_t Discard() override {
    MutexLock lock(&mu_);
    return std::exchange(stats_.books.queued, 0);
  }
  void ResetStats() override {
    MutexLock lock(&mu_);
    stats_.high_water = 0;
  }
  HandlerStats Stats() override {
    MutexLock lock(&mu_);
    return stats_;
  }

  std::optional<MessageCopy> InFlight() override {
    MutexLock lock(&mu_);
    return in_flight_;
  }

  // Hands `messages` to whoever has the turn, and keeps its books.
  void Dispatch(absl::Span<const Message* const> messages) {
    std::shared_ptr<Handler> handler;
    {
      MutexLock lock(&mu_);
      handler = instances_.at(turn_).handler;
    }
    std::atomic<uint32_t> done{0}, errors{0};
    handler->HandleMessages(messages, done, errors);
    Change([&](HandlerStats& stats) {
      stats.books.offered += messages.size();
      stats.books.enqueued += messages.size();
      stats.books.processed_error += errors;
      stats.books.processed_ok += done - errors;
    });
  }

  // The instance that has the turn dies, as its worker would say.
  void Die() {
    std::function<void()> on_gone;
    {
      MutexLock lock(&mu_);
      Instance& instance = instances_.at(turn_);
      instance.dead = true;
      on_gone = instance.on_gone;
    }
    on_gone();
  }

  // What the instance has in its hands.
  void set_in_flight(std::optional<MessageCopy> message) {
    MutexLock lock(&mu_);
    in_flight_ = std::move(message);
  }
  // Changes what Stats answers.
  void Change(const std::function<void(HandlerStats&)>& change) {
    MutexLock lock(&mu_);
    change(stats_);
  }
  // Whether Switch succeeds.
  void set_switches(bool switches) {
    MutexLock lock(&mu_);
    switches_ = switches;
  }

  // Whether a Call is made; else it finds no end of the message in work.
  void set_answers_calls(bool answers) {
    MutexLock lock(&mu_);
    answers_calls_ = answers;
  }

  // What is done in each Drain.
  void set_on_drain(std::function<void()> on_drain) {
    MutexLock lock(&mu_);
    on_drain_ = std::move(on_drain);
  }

  // How long each Drain might have taken.
  std::vector<absl::Duration> drains() const {
    MutexLock lock(&mu_);
    return drains_;
  }

  HandlerOptions options() const {
    MutexLock lock(&mu_);
    return options_;
  }
  Intake intake() const {
    MutexLock lock(&mu_);
    return intake_;
  }
  bool held() const {
    MutexLock lock(&mu_);
    return held_;
  }
  uint64_t turn() const {
    MutexLock lock(&mu_);
    return turn_;
  }
  // Of its life so far; of those, alive.
  uint64_t instances_made() const {
    MutexLock lock(&mu_);
    return last_;
  }
  size_t instances() const {
    MutexLock lock(&mu_);
    return instances_.size();
  }

 private:
  struct Instance {
    std::shared_ptr<Handler> handler;
    std::function<void()> on_gone;
    int64_t capacity = 0;
    bool dead = false;
  };

  mutable Mutex mu_;
  HandlerOptions options_ ABSL_GUARDED_BY(mu_);
  HandlerStats stats_ ABSL_GUARDED_BY(mu_);
  std::optional<MessageCopy> in_flight_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, Instance> instances_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t turn_ ABSL_GUARDED_BY(mu_) = 0;
  Intake intake_ ABSL_GUARDED_BY(mu_) = Intake::kNotRunning;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool switches_ ABSL_GUARDED_BY(mu_) = true;
  bool answers_calls_ ABSL_GUARDED_BY(mu_) = true;
  std::function<void()> on_drain_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Duration> drains_ ABSL_GUARDED_BY(mu_);
};

// Slots as above, by name. Thread-safe.
class FakeHandlerRegistry final : public HandlerRegistry {
 public:
  absl::StatusOr<std::shared_ptr<HandlerSlot>> AddSlot(
      HandlerOptions options) override {
    MutexLock lock(&mu_);
    const std::string name = options.name;
    if (slots_.count(name) > 0) return absl::AlreadyExistsError(name);
    auto slot = std::make_shared<FakeHandlerSlot>(std::move(options));
    slots_[name] = slot;
    return slot;
  }

  absl::Status RemoveSlot(absl::string_view name) override {
    MutexLock lock(&mu_);
    return slots_.erase(std::string(name)) > 0 ? absl::OkStatus()
                                               : absl::NotFoundError(name);
  }

  absl::StatusOr<int64_t> AddHandler(HandlerOptions,
                                     std::unique_ptr<Handler>) override {
    return absl::UnimplementedError("AddHandler");
  }
  absl::StatusOr<uint64_t> RemoveHandler(absl::string_view,
                                         absl::Duration) override {
    return absl::UnimplementedError("RemoveHandler");
  }
  absl::StatusOr<HandlerStats> Stats(absl::string_view name) const override {
    MutexLock lock(&mu_);
    const auto found = slots_.find(std::string(name));
    if (found == slots_.end()) return absl::NotFoundError(name);
    return found->second->Stats();
  }
  uint64_t total_dropped() const override { return 0; }

  // Must be there.
  FakeHandlerSlot& slot(const std::string& name) const {
    MutexLock lock(&mu_);
    return *slots_.at(name);
  }

 private:
  mutable Mutex mu_;
  std::map<std::string, std::shared_ptr<FakeHandlerSlot>> slots_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_HANDLER_REGISTRY_H_
