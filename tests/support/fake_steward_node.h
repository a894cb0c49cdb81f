#ifndef WEIR_TESTS_SUPPORT_FAKE_STEWARD_NODE_H_
#define WEIR_TESTS_SUPPORT_FAKE_STEWARD_NODE_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"
#include "host/control/steward_nodes.h"
#include "host/control/steward_outbox.h"
#include "host/control/steward_outboxes.h"
#include "host/sync/mutex.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir {

// The source "sources/central", a node of S1 called "central", without NATS:
// its processes, and its outbox, which keeps what the test says. Thread-safe.
class FakeStewardNode final : public StewardNodes,
                              public StewardOutboxes,
                              public StewardNodeControl,
                              public StewardOutbox {
 public:
  const std::string& node() const override { return name_; }
  steward::Profile profile() const override { return steward::Profile::kS1; }

  // StewardNodes and StewardOutboxes.
  FakeStewardNode* Find(absl::string_view source) override {
    return source == "sources/central" ? this : nullptr;
  }
  std::vector<std::string> sources() const override {
    return {"sources/central"};
  }

  // A process of the configuration.
  void Configure(absl::string_view method, bool runs = true)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    Add(method, runs)->configured = true;
  }
  // One that an operator has started.
  void StartAtRunTime(absl::string_view method) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    Add(method, true);
  }

  std::vector<StewardProcessStatus> Processes() const override
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return processes_;
  }
  uint64_t version() const override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return version_;
  }
  absl::StatusOr<StewardProcessStatus> StartConfigured(
      absl::string_view method) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    StewardProcessStatus* const found = FindProcess(method);
    if (found == nullptr || !found->configured) {
      return absl::NotFoundError(absl::StrCat("no process ", method));
    }
    ++version_;
    found->state = StewardProcessStatus::State::kRunning;
    return *found;
  }
  absl::StatusOr<StewardProcessStatus> Start(
      const StewardProcessSettings& settings) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    settings_.push_back(settings);
    return *Add(settings.method, true);
  }
  absl::StatusOr<StewardProcessStatus> Stop(absl::string_view method) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    StewardProcessStatus* const found = FindProcess(method);
    if (found == nullptr) {
      return absl::NotFoundError(absl::StrCat("no process ", method));
    }
    ++version_;
    found->state = StewardProcessStatus::State::kStopped;
    StewardProcessStatus status = *found;
    if (!found->configured) {
      processes_.erase(processes_.begin() + (found - processes_.data()));
    }
    return status;
  }

  // What was started at run time by Start, in order.
  std::vector<StewardProcessSettings> settings() const
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return settings_;
  }
  // "method state" of each: '+' runs, '-' does not.
  std::vector<std::string> states() const ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<std::string> states;
    for (const StewardProcessStatus& process : Processes()) {
      states.push_back(absl::StrCat(
          process.state == StewardProcessStatus::State::kRunning ? "+" : "-",
          process.method));
    }
    return states;
  }

  const std::string& public_key() const override { return public_key_; }
  void Post(std::vector<steward::Message> messages, Done done) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (answer_.ok()) {
        for (steward::Message& message : messages) {
          sent_.push_back(std::move(message));
        }
        changed_.NotifyAll();
      }
      if (hold_) {
        held_.push_back(std::move(done));
        return;
      }
    }
    done(Answer());
  }
  absl::Status Send(std::vector<steward::Message> messages) override {
    Post(std::move(messages), [](const absl::Status&) {});
    return Answer();
  }
  void SendNow(steward::Message) override {}
  void ReportError(absl::string_view) override {}

  // What is sent gets this answer from now on; not before Keep, if `hold`.
  void AnswerSends(absl::Status answer, bool hold = false)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    answer_ = std::move(answer);
    hold_ = hold;
  }
  void AwaitSent(size_t n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (sent_.size() < n) changed_.Wait(&mu_);
  }
  void Keep() ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Done> held;
    {
      MutexLock lock(&mu_);
      held.swap(held_);
    }
    for (const Done& done : held) done(Answer());
  }
  std::vector<steward::Message> sent() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return sent_;
  }

 private:
  absl::Status Answer() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return answer_;
  }
  StewardProcessStatus* FindProcess(absl::string_view method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto found = std::find_if(
        processes_.begin(), processes_.end(),
        [method](const auto& process) { return process.method == method; });
    return found == processes_.end() ? nullptr : &*found;
  }
  StewardProcessStatus* Add(absl::string_view method, bool runs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ++version_;
    StewardProcessStatus status;
    status.id = ++last_id_;
    status.method = std::string(method);
    status.subject = absl::StrCat("central.", method, ".EventACK");
    status.name = status.subject + "_subscriber";
    status.state = runs ? StewardProcessStatus::State::kRunning
                        : StewardProcessStatus::State::kStopped;
    processes_.push_back(status);
    return &processes_.back();
  }

  const std::string name_ = "central";
  const std::string public_key_ = std::string(32, 'k');
  mutable Mutex mu_;
  CondVar changed_;
  std::vector<StewardProcessStatus> processes_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t version_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<StewardProcessSettings> settings_ ABSL_GUARDED_BY(mu_);
  absl::Status answer_ ABSL_GUARDED_BY(mu_);
  bool hold_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Done> held_ ABSL_GUARDED_BY(mu_);
  std::vector<steward::Message> sent_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_FAKE_STEWARD_NODE_H_
