#ifndef WEIR_HOST_DISPATCH_INSTANCE_H_
#define WEIR_HOST_DISPATCH_INSTANCE_H_

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/dispatch/handler_queue.h"
#include "host/dispatch/instance_place.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"
#include "host/sync/mutex.h"

namespace weir {

// One instance of handler code and the one thread that it runs on.
//
//   Start --> (its turn: run, run, ...) --> End
//     |                                      |
//     +--- code that hangs: killed, or abandoned with its thread
//
// A thread that runs foreign code can not be stopped. One that does not come
// back is detached, and the instance with all that it reads is kept for ever;
// that is the price of a host that goes on.
//
// Start and End are called once each, one after the other. All that `place`
// refers to must outlive it.
class Instance : public std::enable_shared_from_this<Instance> {
 public:
  // A run takes about this long, so that a handler which is told to stop, or a
  // dispatcher which waits for room, does not wait for much longer.
  static constexpr int64_t kRunNs = 1'000'000;

  Instance(std::shared_ptr<Handler> handler,
           std::shared_ptr<InstancePlace> place, std::function<void()> on_gone);

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Creates the handler on its thread and asks what it has to be asked first.
  // Returns the capacity it asked for, or the errors of HandlerSlot::Prepare;
  // then it is of no more use.
  absl::StatusOr<int64_t> Start(absl::Duration deadline)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Has `call` made on its thread. See HandlerSlot::Call.
  absl::Status Call(std::function<void(Handler&)> call, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

  // See Handler::AskToStop.
  void AskToStop(bool stop) { handler_->AskToStop(stop); }

  // Ends the handler after the message in its hands, and its thread. See
  // HandlerSlot::End. Returns whether a message was lost.
  bool End() ABSL_LOCKS_EXCLUDED(mu_);

  // Its place in the queue.
  HandlerQueue::Hand* hand() { return &hand_; }

  // Writes its answers to the table of its place. For PassTurn.
  void TellAnswers();

  // CPU time of its thread so far; 0 once it has ended and its place counts it.
  // Of an abandoned one also later.
  double CpuSeconds() const ABSL_LOCKS_EXCLUDED(mu_);

  // It was given up with its thread, which may still run.
  bool abandoned() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Next { kGoOn, kGone, kAbandoned };

  // [worker]
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> CreateAndAsk();
  bool Ask(uint16_t type);
  Next Loop();
  Next Handle(const HandlerQueue::Run& run);
  void MakeCall() ABSL_LOCKS_EXCLUDED(mu_);
  Next TickOrLook();
  bool Look();
  bool Tick();
  Next Gone();
  absl::Duration NextTickIn() const;
  HandlerQueue::RunEnd CallHandler(absl::Span<const Message* const> messages);
  void Record(const HandlerQueue::Run& run, size_t n, int64_t begin_ns);
  void FinishThread() ABSL_LOCKS_EXCLUDED(mu_);

  bool WaitForEnd(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  bool Abandon() ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<Handler> handler_;
  const std::shared_ptr<InstancePlace> place_;
  const std::function<void()> on_gone_;
  HandlerQueue::Hand hand_;
  std::thread worker_;
  std::vector<bool> answers_;  // By type, once started.

  size_t run_length_ = 1;         // [worker]
  double mean_ns_ = 0;            // [worker] Running mean of one message.
  bool created_ = false;          // [worker]
  Losses told_losses_;            // [worker]
  absl::Duration tick_interval_;  // [worker] 0: there are no ticks.
  int64_t next_tick_ns_ = 0;      // [worker]
  absl::Duration look_interval_;  // [worker] 0: there are no looks.
  int64_t next_look_ns_ = 0;      // [worker]

  mutable Mutex mu_;
  CondVar changed_;
  std::optional<absl::StatusOr<int64_t>> started_ ABSL_GUARDED_BY(mu_);
  // One that was not begun yet; and how many there were, and were made.
  std::function<void(Handler&)> call_ ABSL_GUARDED_BY(mu_);
  uint64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t calls_made_ ABSL_GUARDED_BY(mu_) = 0;
  bool worker_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<clockid_t> cpu_clock_ ABSL_GUARDED_BY(mu_);  // While it runs.
  mutable double cpu_seconds_ ABSL_GUARDED_BY(mu_) = 0;      // Last reading.
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_INSTANCE_H_
