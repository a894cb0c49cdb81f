#ifndef WEIR_HOST_SOURCE_JETSTREAM_ACKS_H_
#define WEIR_HOST_SOURCE_JETSTREAM_ACKS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/nats/jetstream_api.h"
#include "host/pipeline/receipt.h"
#include "host/source/nats_connection.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Acknowledges the messages of a stream, by the receipts of their batches, and
// says of those that handlers still have that they are being worked on, so that
// nobody else is given them. Receipts share it with the source, so it outlives
// both.
//
//   a batch is done        when                            its messages are
//   all were processed     always                          acknowledged
//   some were lost         ack_incomplete                  acknowledged
//   some were lost         interrupted: the host ends      given back at once
//   some were lost         else                            given back, for
//                                                          later and later
//
// What cannot be said, for want of a connection, is said to the next one,
// unless the consumer is another one there. A message that comes again while it
// is in hand is not handed out again: the acknowledgement of the first counts
// for both, since the server goes by the stream's sequence.
//
// A thread of its own writes to the connection, so a handler's thread never
// waits for a server. Thread-safe.
class JetStreamAcks : public std::enable_shared_from_this<JetStreamAcks> {
 public:
  struct Options {
    bool ack_incomplete = true;
    // The consumer's. In-progress acknowledgements go out thrice in it.
    absl::Duration ack_wait = absl::Seconds(30);
  };
  // A message that came, and where it is acknowledged.
  struct Message {
    StreamedMessage of_stream;
    std::string reply;
  };

  // `connection` must live until Stop; `clock` as long as it, and be a real
  // one.
  JetStreamAcks(Options options, NatsConnection* connection,
                const Clock& clock);
  ~JetStreamAcks();

  JetStreamAcks(const JetStreamAcks&) = delete;
  JetStreamAcks& operator=(const JetStreamAcks&) = delete;

  // A connection can be written to: says what waited for one, and of all that
  // is in hand that it is.
  void Connected() ABSL_LOCKS_EXCLUDED(mu_);
  // The consumer was made anew, and so the stream may have been, whose numbers
  // begin again: of what is in hand nothing is said any more, except of what
  // comes again and is the same message. To be called before Connected.
  void ConsumerIsNew() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether what waits at the connection is going to be read, and so in hand as
  // well.
  void SetReading(bool reading) ABSL_LOCKS_EXCLUDED(mu_);
  void SetInterrupted(bool interrupted) { interrupted_ = interrupted; }

  // Whether the message is in hand already; then nobody is to be given it.
  bool InHand(const Message& message) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the messages of a batch, none of which is in hand.
  Receipt HandOut(std::vector<Message> messages) ABSL_LOCKS_EXCLUDED(mu_);

  // Says what is still to be said, for `budget` at most, and then nothing any
  // more.
  void Stop(absl::Duration budget) ABSL_LOCKS_EXCLUDED(mu_);

  struct Counts {
    uint64_t acks = 0;         // Written to a connection.
    uint64_t naks = 0;         // The same.
    uint64_t in_progress = 0;  // The same.
    uint64_t unsent = 0;       // Attempts to write without success.
    uint64_t in_hand = 0;      // Messages now, until what is said is written.
    uint64_t oldest = 0;       // The lowest sequence in hand; 0 if none is.
  };
  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct InHandOne {
    uint64_t
        batch;  // The number of its batch; a later one may have taken over.
    int64_t time_ns;
    uint64_t deliveries;
    int64_t told_ns;  // When the server last heard of it.
    bool settled;
    bool of_another;  // Consumer; it did not come by this one.
    std::string reply;
  };
  struct Word {
    uint64_t sequence;
    uint64_t batch;
    bool done;
    std::string reply, text;
  };

  void Complete(uint64_t batch, const std::vector<uint64_t>& sequences,
                Outcome outcome) ABSL_LOCKS_EXCLUDED(mu_);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Lets more come, if many are in hand and few are done.
  void Linger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes them; returns those that could not be, in their order. `connection`
  // is the number of the one that there was when they were taken.
  std::vector<Word> Write(std::vector<Word> words, uint64_t connection)
      ABSL_LOCKS_EXCLUDED(mu_);
  // A write to that one has failed. There may be another meanwhile.
  void Unwritten(uint64_t connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Says "in progress" of what has not been heard of for a third of ack_wait.
  void TellInProgress(bool of_all) ABSL_LOCKS_EXCLUDED(mu_);
  std::string TextFor(Outcome outcome, uint64_t deliveries) const;

  const Options options_;
  const Clock& clock_;
  const int64_t period_ns_;
  std::atomic<bool> interrupted_{false};
  NatsConnection* const connection_;  // Of the thread.
  mutable Mutex mu_;
  CondVar told_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool connected_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool tell_all_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t consumers_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t batches_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, InHandOne> in_hand_ ABSL_GUARDED_BY(mu_);  // By sequence.
  std::vector<Word> words_ ABSL_GUARDED_BY(mu_);  // To be written.
  Counts counts_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // Last: uses all the others.
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_JETSTREAM_ACKS_H_
