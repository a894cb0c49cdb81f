#ifndef WEIR_HOST_SOURCE_STEWARD_ANSWERS_H_
#define WEIR_HOST_SOURCE_STEWARD_ANSWERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/receipt.h"
#include "host/source/nats_connection.h"
#include "host/source/steward_processes.h"
#include "host/sync/mutex.h"

namespace weir {

// Tells senders what became of their messages, and processes that they are to
// end. Receipts hold it, and so it may outlive the source.
//
// A sender that says nothing else gets what the original programs send, an
// empty message or, of S0, a text; and nothing at all if a message was refused
// or its handler failed, so that it sends again or gives up. One that asks by
// the header `weir-ack`, whose value is when it wants to know, "received",
// "done", or "configured" for what the process says, gets the same header with
// what happened: "received", "done", or "failed" with the reason as its
// payload.
//
// Thread-safe; never blocks for longer than a write to the connection does.
class StewardAnswers {
 public:
  static constexpr char kHeader[] = "weir-ack";
  static constexpr char kReceived[] = "received";
  static constexpr char kDone[] = "done";
  static constexpr char kConfigured[] = "configured";
  static constexpr char kFailed[] = "failed";

  // What is to be answered, and to whom.
  struct Question {
    std::string reply;        // Where to; empty: nobody waits.
    bool has_header = false;  // It asked by the header.
    std::string text;         // What an acknowledgement says.
    // Of a message that was taken:
    uint64_t run = 0;  // Of the process.
    bool when_done = false;
    bool stop_on_error = false;
    uint64_t connection = 0;  // That it came by.
  };

  // `connection` must live until Detach.
  StewardAnswers(NatsConnection* connection,
                 std::shared_ptr<StewardProcesses> processes)
      : processes_(std::move(processes)), connection_(connection) {}

  // A new connection is made: what came by the one before is not answered any
  // more. Its sender has given up, or sends again; and as the original programs
  // let all messages of a subject wait at one place, what comes late there
  // would be taken for the answer to another.
  void Reconnected() ABSL_LOCKS_EXCLUDED(mu_);
  void Detach() ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t connection() const ABSL_LOCKS_EXCLUDED(mu_);

  // It is taken: answers, unless that waits until it is done.
  void Take(const Question& question) ABSL_LOCKS_EXCLUDED(mu_);
  // It is not taken, because of `why`.
  void Refuse(const Question& question, absl::string_view why)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Handlers are done with it.
  void Finish(const Question& question, Outcome outcome)
      ABSL_LOCKS_EXCLUDED(mu_);

  // "acks_received", "acks_done", "acks_failed" (told so), "acks_withheld" (not
  // told that it failed, or was refused: there is no word for it), "acks_late"
  // (not told, since the connection is another), "acks_unsent" (the connection
  // did not take it). Those that are not 0.
  std::map<std::string, uint64_t> counters() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Send(const Question& question, absl::string_view word,
            absl::string_view data) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SayFailed(const Question& question, absl::string_view why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::shared_ptr<StewardProcesses> processes_;

  mutable Mutex mu_;
  NatsConnection* connection_ ABSL_GUARDED_BY(mu_);
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, uint64_t> counters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_ANSWERS_H_
