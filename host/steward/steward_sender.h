#ifndef WEIR_HOST_STEWARD_STEWARD_SENDER_H_
#define WEIR_HOST_STEWARD_STEWARD_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/steward/outgoing.h"
#include "host/steward/steward_transport.h"

namespace weir {

// Decides what is sent when: the order within a subject, the wait for an
// acknowledgement, another transmission, the end. A machine without threads and
// without a clock: it is told what happened, and Turn does what is due.
//
// Messages of one subject go out in the order of their numbers, one at a time:
// the next when the one before is settled. That keeps their order with the
// original programs, which handle each message in a thread of its own. A
// receiver that answers with the header `weir-ack` reads in order; the more of
// its answers come, the more messages are under way to it, up to
// `max_in_flight`. One that has to be sent again may then come behind some that
// followed it, and none is begun until it is settled or under way again.
//
// What became of a transmission:
//
//   an answer                 delivered
//   `weir-ack: failed`        given up: the receiver refuses it, with a reason
//   nothing in ack_timeout    one transmission of those it has is used up; the
//                             next after retry_wait, and not sooner than
//                             min_retry_wait after the last
//   "no responders"           nobody has it. It is published again each
//                             min_retry_wait, until ack_timeout has passed, as
//                             one transmission: a node that is restarted has
//                             as much time as one that is slow
//   the connection ended      as if it had not been sent, except that what sees
//                             kMaxLosses of these uses up transmissions
//   too long, no subject      given up, and never sent
//   not permitted             as if nobody had it, and the reason says so;
//   given
//                             up at once if it asks for no acknowledgement
//
// A message that asks for no acknowledgement is delivered when the server has
// read it.
class StewardSender {
 public:
  static constexpr char kAckHeader[] = "weir-ack";
  // "As you are configured to": the receiver decides between received and done.
  static constexpr char kAckConfigured[] = "configured";
  static constexpr char kAckFailed[] = "failed";
  static constexpr int kMaxLosses = 10;

  enum class Outcome { kDelivered, kGivenUp };

  struct Answer {
    bool no_responders = false;
    std::string word;  // Of the header weir-ack; empty if it has none.
    std::string data;
  };

  struct Counters {
    uint64_t transmissions = 0;    // All that was published, ...
    uint64_t retransmissions = 0;  // ... and of these, what was so before.
    uint64_t no_responders = 0;
    uint64_t timeouts = 0;
    uint64_t delivered = 0;
    uint64_t given_up = 0;
    uint64_t dropped_now = 0;  // By SendNow.
  };

  // Who keeps the messages.
  class Keeper {
   public:
    virtual ~Keeper() = default;
    // How that message goes out.
    virtual absl::StatusOr<Outgoing> Load(uint64_t number) = 0;
    // That message needs nothing more; `why` if it is given up. May not call
    // the sender.
    virtual void Settled(uint64_t number, Outcome outcome,
                         absl::string_view why) = 0;
  };

  struct Options {
    size_t max_in_flight = 256;  // Of a subject.
    absl::Duration min_retry_wait = absl::Milliseconds(500);
  };

  // All must outlive it.
  StewardSender(const Options& options, StewardTransport& transport,
                Keeper& keeper, absl::BitGenRef random);

  // One more to send. The other two are of its Outgoing.
  void Add(uint64_t number, const std::string& subject, bool acknowledged);
  // As SendNow of StewardOutbox.
  void SendNow(const Outgoing& outgoing);

  void Connected();
  void Disconnected();
  void Answered(const std::string& reply, const Answer& answer, int64_t now_ns);

  // Does what is due, or a part of it. Returns when to call it again, if
  // nothing happens before: at once, if it is not more than `now_ns`; INT64_MAX
  // if there is nothing to wait for. Times are of Clock::MonotonicNs.
  int64_t Turn(int64_t now_ns);

  size_t waiting() const { return waiting_; }  // All that is not settled.
  size_t in_flight() const { return where_.size(); }
  bool connected() const { return connected_; }
  const Counters& counters() const { return counters_; }

 private:
  // A message that was published and is not settled.
  struct Flight {
    Outgoing outgoing;
    std::string reply;
    enum class State {
      kSent,     // Until `deadline_ns`.
      kProbing,  // Nobody has it: published again at `due_ns`.
      kPausing,  // The next transmission is at `due_ns`.
      kUnread,   // Needs no answer, but the server may not have it yet.
    } state = State::kSent;
    int64_t sent_ns = 0;
    int64_t deadline_ns = 0;
    int64_t due_ns = 0;
    bool nobody = false;  // The last that was heard is "no responders".
  };
  // What must outlast a connection.
  struct History {
    int64_t used = 0;  // Transmissions.
    int losses = 0;
  };
  // A subject.
  struct Lane {
    std::map<uint64_t, bool> waiting;  // To whether it is acknowledged.
    std::map<uint64_t, Flight> flights;
    size_t bytes = 0;   // In flight.
    size_t window = 1;  // How many of those that wait for an answer.
    size_t held = 0;    // In flight and not sent just now.
  };

  void Fill(const std::string& subject, Lane& lane, int64_t now_ns);
  bool MayBegin(const Lane& lane) const;
  void Begin(const std::string& subject, Lane& lane, uint64_t number,
             int64_t now_ns);
  void Transmit(Lane& lane, uint64_t number, Flight& flight, int64_t now_ns,
                bool probe = false);
  void Due(Lane& lane, uint64_t number, int64_t now_ns);
  void NoAnswer(Lane& lane, uint64_t number, Flight& flight, int64_t now_ns);
  void NoResponders(Lane& lane, uint64_t number, Flight& flight,
                    int64_t now_ns);
  // Sets the flight's state and when it is looked at again.
  void Plan(Lane& lane, uint64_t number, Flight& flight, Flight::State state,
            int64_t due_ns);
  void ReadByServer();
  void Settle(Lane& lane, uint64_t number, Outcome outcome,
              absl::string_view why);
  // Takes it out of flight.
  void Land(Lane& lane, uint64_t number);
  std::string WhyUnanswered(const Flight& flight, int64_t used);
  int64_t JitteredWaitNs();

  const Options options_;
  StewardTransport& transport_;
  Keeper& keeper_;
  absl::BitGenRef random_;

  bool connected_ = false;
  std::unordered_map<std::string, Lane> lanes_;
  // Those that may have something to begin.
  std::set<std::string> ready_;
  // Of all in flight: the subject, by the number; the number, by the reply
  // subject; and when each is looked at.
  std::unordered_map<uint64_t, std::string> where_;
  std::unordered_map<std::string, uint64_t> by_reply_;
  std::set<std::pair<int64_t, uint64_t>> timers_;
  std::vector<uint64_t> unread_;
  std::unordered_map<uint64_t, History> history_;
  size_t waiting_ = 0;
  Counters counters_;
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_STEWARD_SENDER_H_
