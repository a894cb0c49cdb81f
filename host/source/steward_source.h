#ifndef WEIR_HOST_SOURCE_STEWARD_SOURCE_H_
#define WEIR_HOST_SOURCE_STEWARD_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/steward_outbox.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/duplicate_window.h"
#include "host/source/nats_connection.h"
#include "host/source/source.h"
#include "host/source/steward_answers.h"
#include "host/source/steward_gate.h"
#include "host/source/steward_processes.h"
#include "host/source/steward_relay.h"
#include "host/source/steward_schedules.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct StewardOptions : NatsServerOptions {
  // As ReadPublicKeys reads it; read at each Connect. Empty: no keys.
  std::string keys_file;
  // A message that comes again within this time is acknowledged and not handed
  // out. Zero: each is.
  absl::Duration duplicate_window;
  // By which it relays what comes as REQRelay, in S0. Null: such messages are
  // for handlers, as all others are. Must outlive the source.
  StewardOutbox* outbox = nullptr;
  // Told, on the thread that reads, of each message that is refused and of each
  // process that ends. May be empty.
  std::function<void(absl::string_view)> report;
};

// A node of a steward or ctrl network: it reads the messages that other nodes
// send to its processes, one subject for each, and acknowledges them. A frame
// is one message, out of its compression, and a batch of its own, so that its
// receipt is the message's; what NatsSource says of errors and of what is lost
// holds here, too.
//
// Nodes of one name share the messages, as the original programs do from S1 on:
// the subject is also the queue group. S0's do not, so neither does this one.
//
// With a window for duplicates, what comes again within it is acknowledged and
// counted, and not handed out. Where "done" is acknowledged, one that comes
// while the first is with the handlers is not answered: the first will be, at
// the place that its sender waits at, or the sender sends it once more. What
// handlers failed at is no duplicate when it comes again.
//
// What is not taken (steward_gate.h) is counted by its reason, reported and, if
// the sender can be told (steward_answers.h), refused. It never ends the
// stream.
//
// Which processes there are is StewardProcesses', which others may change at
// any time: this source subscribes and unsubscribes while it is connected. A
// process that stops on errors ends when a handler fails, is lost or is not
// there for one of its messages. What came by a process that has ended, or was
// stopped, and is not handed out yet is refused. One that has ended stays so
// over new connections until somebody starts it, or the source is interrupted,
// that is, until an operator says "reconnect" or "resume"; what somebody
// stopped stays so until somebody starts it.
//
// A message with a schedule is handed out now, and again as StewardSchedules
// says, also after an outage or a pause, which it does not lengthen; the
// receipt of the first time alone is its sender's. A repetition that fails ends
// a process that stops on errors, as any message does.
//
// A subject that the server does not permit ends the connection, for good, if
// it is of a process of the configuration; one that was started while the
// source was connected has ended then, and the others go on.
//
// What a node of S0 is to relay (steward_relay.h) is handed to no handler; it
// is acknowledged when it is on the disk of the outbox.
//
// An operator's interruption also ends all subscriptions at once, so that the
// other members of the groups get what comes; the connection stays until the
// next Connect for what is still to be acknowledged.
//
// As for threads, see Source. Receipts may outlive it.
class StewardSource final : public Source {
 public:
  // `processes` are no other source's. `clock` must outlive the source.
  StewardSource(StewardOptions options,
                std::shared_ptr<StewardProcesses> processes,
                const Clock& clock);
  ~StewardSource() override;

  absl::Status Connect() override;
  absl::Status Read(FrameBatch* batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status ReadKeys();
  std::vector<NatsConnection::Subscription> SubscriptionsFor(
      const std::vector<StewardProcesses::Wanted>& wanted,
      bool connecting) const;
  // Has the subscriptions that the processes want.
  absl::Status FollowProcesses();
  void TakeRefusals();
  void ReportEnded();
  absl::Status ReadNext(FrameBatch* batch) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes a repetition that is due the frame of `batch`, or returns false.
  bool Repeat(FrameBatch* batch);
  // Makes `message` the frame of `batch`, or refuses it and returns false.
  bool Accept(natsMsg* message, FrameBatch* batch) ABSL_LOCKS_EXCLUDED(mu_);
  void Refuse(const StewardAnswers::Question& question,
              const std::string& reason, absl::string_view text)
      ABSL_LOCKS_EXCLUDED(mu_);
  using Finish = std::function<void(Outcome)>;
  // Passes on what is for another node, and answers to such. Returns false if
  // that was all that there is to do with the message.
  bool Relay(const steward::Message& message, absl::string_view subject,
             const StewardAnswers::Question& question, const std::string& key,
             const Finish& finish) ABSL_LOCKS_EXCLUDED(mu_);
  // A process takes it.
  void CountTaken(uint64_t run, const steward::Message& message)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether it came before; answers it then, if it can be.
  bool IsDuplicate(const std::string& key,
                   const StewardAnswers::Question& question)
      ABSL_LOCKS_EXCLUDED(mu_);

  const StewardOptions options_;
  const std::shared_ptr<StewardProcesses> processes_;
  const Clock& clock_;
  NatsConnection connection_;
  const Description description_;
  StewardGate gate_;
  const std::shared_ptr<StewardAnswers> answers_;
  const std::shared_ptr<DuplicateWindow> duplicates_;
  StewardSchedules schedules_;
  const std::unique_ptr<StewardRelay> relay_;  // Null: it does not.
  std::vector<natsMsg*> messages_;             // The one of the last batch.
  StewardSchedules::Due repeated_;             // The same, of a repetition.
  bool was_repetition_ = false;                // The last batch.
  std::set<std::string> subscribed_;
  uint64_t followed_version_ = 0;  // Of the processes.
  std::atomic<bool> interrupted_{false};

  mutable Mutex mu_;
  std::map<std::string, uint64_t> refused_ ABSL_GUARDED_BY(mu_);
  uint64_t duplicate_count_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t error_log_count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_SOURCE_H_
