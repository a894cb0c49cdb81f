#include "host/plugin/trial.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/plugin/symbolize.h"

namespace weir {

// Thread-safe: what a child says comes from several threads.
class Trial::Collector final : public EventSink {
 public:
  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (events_.size() == kMaxEvents) {
      return absl::ResourceExhaustedError("more events than a trial takes");
    }
    events_.push_back(std::move(event));
    return absl::OkStatus();
  }

  std::vector<Event> Take() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return std::move(events_);
  }

 private:
  Mutex mu_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
};

Trial::Trial(const ChildHandlerOptions& options, ChildSupervisor& supervisor,
             const Clock& clock)
    : module_(options.module),
      clock_(clock),
      heard_(std::make_unique<Collector>()),
      handler_(options, supervisor, nullptr,
               std::make_shared<PluginHostServices>(
                   PluginHostOptions{
                       .name = absl::StrCat("plugins/", options.name),
                       .emit_limit_per_second = options.emit_limit_per_second,
                       .write_log = [](Severity, absl::string_view,
                                       absl::string_view) {}},
                   *heard_, types_, sources_, clock),
               types_, sources_) {
  InternWellKnownTypes(types_);
}

Trial::~Trial() = default;

absl::StatusOr<TrialResult> Trial::Run(const TrialMessage& message,
                                       absl::Duration deadline) {
  std::thread watch([this, deadline] { AwaitDeadline(deadline); });
  absl::StatusOr<TrialResult> result = Lead(message);
  bool cancelled = false;
  {
    MutexLock lock(&mu_);
    done_ = true;
    changed_.NotifyAll();
    cancelled = cancelled_;
  }
  watch.join();
  if (cancelled) return absl::CancelledError("the host stops");
  if (result.ok()) result->events = heard_->Take();
  return result;
}

void Trial::AwaitDeadline(absl::Duration deadline) {
  const absl::Time end = absl::Now() + deadline;
  MutexLock lock(&mu_);
  while (!done_) {
    const absl::Duration left = end - absl::Now();
    late_ = late_ || left <= absl::ZeroDuration();
    if (late_ || cancelled_) {
      // A call that has just begun may have no child to be killed yet; so again
      // until it is over. Kill takes a lock of its own alone.
      handler_.Kill("deadline of the trial");
      changed_.WaitFor(&mu_, absl::Milliseconds(50));
    } else {
      changed_.WaitFor(&mu_, left);
    }
  }
}

void Trial::Cancel() {
  MutexLock lock(&mu_);
  cancelled_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<TrialResult> Trial::Lead(const TrialMessage& message) {
  // Numbers are the host's of another day; these are ours.
  MessageCopy copy = message.message;
  copy.type_id = types_.Intern(message.type);
  copy.source_id = sources_.Intern(message.source);
  TrialResult result;
  const absl::Status created = handler_.Create();
  if (!created.ok()) {
    if (!handler_.death().has_value()) return created;
    TellDeath("when it was created", result);
    return result;
  }
  handler_.QueueCapacity();
  const bool wants = handler_.WantsMessage(message.type);
  if (handler_.death().has_value()) {
    TellDeath("when it was asked for its capacity and types", result);
    return result;
  }
  if (wants && !Hand(copy, result)) return result;
  handler_.Destroy();
  if (handler_.death().has_value()) {
    TellDeath("when it was destroyed", result);
  } else if (!wants) {
    result.detail = absl::StrCat("it does not want messages of type ",
                                 message.type, ", and was not given it");
  }
  return result;
}

// Returns whether the instance is still alive.
bool Trial::Hand(const MessageCopy& copy, TrialResult& result) {
  const Message whole = ViewOf(copy);
  const Message* const messages[] = {&whole};
  std::atomic<uint32_t> done{0};
  std::atomic<uint32_t> errors{0};
  const int64_t begin_ns = clock_.MonotonicNs();
  const RunOutcome outcome = handler_.HandleMessages(messages, done, errors);
  result.handle_time = absl::Nanoseconds(clock_.MonotonicNs() - begin_ns);
  if (!outcome.alive) {
    TellDeath(outcome.lost_one ? "" : "before it had the message", result);
    return false;
  }
  if (errors.load() > 0) {
    result.outcome = TrialResult::Outcome::kError;
    result.detail = "the handler returned an error, or threw";
  }
  return true;
}

void Trial::TellDeath(const char* when, TrialResult& result) const {
  const std::optional<ChildDeath> death = handler_.death();
  MutexLock lock(&mu_);
  result.outcome =
      late_ ? TrialResult::Outcome::kTimedOut : TrialResult::Outcome::kCrashed;
  result.detail = death.has_value() ? death->cause : "died";
  if (*when != '\0') absl::StrAppend(&result.detail, " ", when);
  if (death.has_value()) {
    result.frames = Symbolize(module_, death->frames).frames;
  }
}

}  // namespace weir
