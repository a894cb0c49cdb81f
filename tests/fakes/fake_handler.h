#ifndef WEIR_TESTS_FAKES_FAKE_HANDLER_H_
#define WEIR_TESTS_FAKES_FAKE_HANDLER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"
#include "host/sync/mutex.h"

namespace weir {

// A door that is open until it is shut. Thread-safe.
class Gate {
 public:
  void Shut() { Set(false); }
  void Open() { Set(true); }

  // Goes through, when it is open.
  void Pass() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ++waiting_;
    changed_.NotifyAll();
    while (!open_) changed_.Wait(&mu_);
    --waiting_;
  }

  // Waits until somebody stands before it.
  void WaitForSomebody() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (waiting_ == 0) changed_.Wait(&mu_);
  }

 private:
  void Set(bool open) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    open_ = open;
    changed_.NotifyAll();
  }

  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = true;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

// What a FakeHandler does.
struct FakeHandlerScript {
  int64_t capacity = 1024;
  std::set<std::string> wants;  // Empty: all but RAW.
  absl::Status create_status;
  std::set<uint64_t> errors_at;  // Numbers of messages that it refuses, ...
  std::set<uint64_t> throws_at;  // ... and that it throws at.
  uint64_t dies_at = 0;          // Takes its instance with it; 0: none does.
  bool throws_at_wants = false;
  absl::Duration tick_interval;  // 0: it has no ticks.
  absl::Duration look_interval;  // 0: it has no looks.
  int dies_at_look = 0;          // Counts from 1; 0: at none.
  int dies_at_tick = 0;          // Counts from 1; 0: at none.
  bool has_state = false;
  absl::StatusOr<std::string> saves = std::string();
  absl::Status loads;
  // What it says to another configuration.
  absl::Status reconfigure_status = absl::UnimplementedError("not this one");
};

// What a FakeHandler did, and the gates it goes through. The test keeps it: the
// handler belongs to the slot. Thread-safe.
class FakeHandlerRecord {
 public:
  Gate create_gate, wants_gate, message_gate, tick_gate, destroy_gate;

  std::vector<uint64_t> seqs() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return seqs_;
  }
  std::vector<std::string> asked() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return asked_;
  }
  std::vector<uint16_t> types() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return types_;
  }
  std::set<std::thread::id> threads() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return threads_;
  }
  std::vector<Losses> losses() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return losses_;
  }
  // What it was given of others.
  std::vector<std::string> loaded() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return loaded_;
  }
  int ticks() const { return ticks_; }
  bool asked_to_stop() const { return asked_to_stop_; }
  // The configurations that it took, or was given to refuse.
  std::vector<std::string> reconfigured() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return reconfigured_;
  }
  int created() const { return created_; }
  int destroyed() const { return destroyed_; }

  // Waits until `n` messages were handled, whatever came of it.
  void WaitForHandled(size_t n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (seqs_.size() < n) changed_.Wait(&mu_);
  }
  void WaitForLooks(int n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (looks_ < n) changed_.Wait(&mu_);
  }
  int looks() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return looks_;
  }
  void WaitForTicks(int n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (ticks_ < n) changed_.Wait(&mu_);
  }

 private:
  friend class FakeHandler;

  void Note(const std::function<void()>& note) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    threads_.insert(std::this_thread::get_id());
    note();
    changed_.NotifyAll();
  }

  mutable Mutex mu_;
  CondVar changed_;
  // Changed in Note.
  std::vector<uint64_t> seqs_;
  std::vector<uint16_t> types_;
  std::vector<std::string> asked_;
  std::vector<std::string> reconfigured_;
  std::set<std::thread::id> threads_;
  std::vector<Losses> losses_;
  std::vector<std::string> loaded_;
  int looks_ = 0;
  std::atomic<int> ticks_{0};
  std::atomic<bool> asked_to_stop_{false};
  std::atomic<int> created_{0};
  std::atomic<int> destroyed_{0};
};

// A handler that does what it is told, and remembers it.
class FakeHandler final : public Handler {
 public:
  explicit FakeHandler(std::shared_ptr<FakeHandlerRecord> record,
                       FakeHandlerScript script = {})
      : record_(std::move(record)), script_(std::move(script)) {}

  absl::Status Create() override {
    record_->create_gate.Pass();
    record_->Note([this] { ++record_->created_; });
    return script_.create_status;
  }

  int64_t QueueCapacity() override { return script_.capacity; }

  bool WantsMessage(absl::string_view type) override {
    record_->wants_gate.Pass();
    record_->Note([&] { record_->asked_.emplace_back(type); });
    if (script_.throws_at_wants) throw std::runtime_error("wants");
    if (script_.wants.empty()) return type != "RAW";
    return script_.wants.count(std::string(type)) > 0;
  }

  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>& errors) override {
    for (const Message* message : messages) {
      const uint64_t seq = message->view.seq;
      if (seq == script_.dies_at) return {.alive = false, .lost_one = true};
      record_->message_gate.Pass();
      record_->Note([&] {
        record_->seqs_.push_back(seq);
        record_->types_.push_back(message->view.type_id);
      });
      if (script_.throws_at.count(seq) > 0) throw std::runtime_error("message");
      if (script_.errors_at.count(seq) > 0) {
        errors.fetch_add(1, std::memory_order_release);
      }
      done.fetch_add(1, std::memory_order_release);
    }
    return {};
  }

  absl::Duration TickInterval() override { return script_.tick_interval; }

  bool Tick() override {
    record_->tick_gate.Pass();
    record_->Note([this] { ++record_->ticks_; });
    return record_->ticks_ != script_.dies_at_tick;
  }

  absl::Duration LookInterval() override { return script_.look_interval; }

  bool Look() override {
    int looks = 0;
    record_->Note([&] { looks = ++record_->looks_; });
    return looks != script_.dies_at_look;
  }

  void TellLosses(const Losses& losses) override {
    record_->Note([&] { record_->losses_.push_back(losses); });
  }

  bool HasState() const override { return script_.has_state; }
  absl::StatusOr<std::string> SaveState() override { return script_.saves; }
  absl::Status LoadState(absl::string_view state) override {
    record_->Note([&] { record_->loaded_.emplace_back(state); });
    return script_.loads;
  }

  void AskToStop(bool stop) override { record_->asked_to_stop_ = stop; }

  absl::Status Reconfigure(absl::string_view config_json) override {
    record_->Note([&] { record_->reconfigured_.emplace_back(config_json); });
    return script_.reconfigure_status;
  }

  void Destroy() override {
    record_->destroy_gate.Pass();
    record_->Note([this] { ++record_->destroyed_; });
  }

 private:
  const std::shared_ptr<FakeHandlerRecord> record_;
  const FakeHandlerScript script_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_HANDLER_H_
