#ifndef WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
#define WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/control/poison_message.h"
#include "host/control/poison_replay.h"
#include "host/control/trial_result.h"
#include "host/sync/mutex.h"

namespace weir {

// Plugins as a test describes them, which do as they are told: an operation is
// remembered, and gets the answer that the test has set; at once, or once the
// test lets it go. Thread-safe.
class FakePluginControl final : public PluginControl {
 public:
  explicit FakePluginControl(std::vector<PluginStatus> plugins)
      : plugins_(std::move(plugins)) {}

  std::vector<PluginStatus> List() const override { return plugins_; }
  std::vector<PluginStats> Stats() const override {
    std::vector<PluginStats> stats;
    for (const PluginStatus& plugin : plugins_) {
      stats.emplace_back().name = plugin.name;
    }
    return stats;
  }
  uint64_t total_dropped() const override { return 3; }
  absl::StatusOr<std::vector<PoisonMessage>> ListPoison(
      absl::string_view parent) const override {
    std::vector<PoisonMessage> list;
    for (const PoisonMessage& poison : poisons_) {
      if (parent == "plugins/-" || parent == poison.plugin) {
        list.push_back(poison);
      }
    }
    return list;
  }
  absl::StatusOr<PoisonMessage> GetPoison(absl::string_view plugin,
                                          uint64_t number) const override {
    for (const PoisonMessage& poison : poisons_) {
      if (poison.plugin == plugin && poison.number == number) return poison;
    }
    return absl::NotFoundError("no such poison message");
  }

  void ReplayPoison(PoisonReplay replay, ReplayReply reply) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::StatusOr<TrialResult> result;
    {
      MutexLock lock(&mu_);
      replays_.push_back(std::move(replay));
      result = trial_result_;
    }
    reply(std::move(result));
  }
  void set_trial_result(absl::StatusOr<TrialResult> result)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    trial_result_ = std::move(result);
  }
  std::vector<PoisonReplay> replays() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return replays_;
  }

  // What is kept, newest first. Before any call that asks for it.
  void set_poisons(std::vector<PoisonMessage> poisons) {
    poisons_ = std::move(poisons);
  }

  void Do(PluginOperation operation, Reply reply) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::StatusOr<PluginOutcome> answer;
    {
      MutexLock lock(&mu_);
      operations_.push_back(std::move(operation));
      changed_.NotifyAll();
      if (holds_) {
        held_.push_back(std::move(reply));
        return;
      }
      answer = answer_;
    }
    reply(std::move(answer));
  }

  // What each operation is answered with from now on.
  void set_answer(absl::StatusOr<PluginOutcome> answer)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    answer_ = std::move(answer);
  }

  // From now on no operation is answered before LetGo.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    holds_ = true;
  }

  // Answers, from the calling thread, all operations that are held.
  void LetGo() ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Reply> held;
    absl::StatusOr<PluginOutcome> answer;
    {
      MutexLock lock(&mu_);
      holds_ = false;
      held.swap(held_);
      answer = answer_;
    }
    for (const Reply& reply : held) reply(answer);
  }

  // Waits until so many operations have come in all.
  void AwaitOperations(size_t count) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (operations_.size() < count) changed_.Wait(&mu_);
  }

  std::vector<PluginOperation> operations() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return operations_;
  }

 private:
  const std::vector<PluginStatus> plugins_;
  std::vector<PoisonMessage> poisons_;

  mutable Mutex mu_;
  CondVar changed_;
  std::vector<PluginOperation> operations_ ABSL_GUARDED_BY(mu_);
  absl::StatusOr<PluginOutcome> answer_ ABSL_GUARDED_BY(mu_) = PluginOutcome();
  std::vector<PoisonReplay> replays_ ABSL_GUARDED_BY(mu_);
  absl::StatusOr<TrialResult> trial_result_ ABSL_GUARDED_BY(mu_) =
      TrialResult();
  bool holds_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Reply> held_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_PLUGIN_CONTROL_H_
