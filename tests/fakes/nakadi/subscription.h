#ifndef WEIR_TESTS_FAKES_NAKADI_SUBSCRIPTION_H_
#define WEIR_TESTS_FAKES_NAKADI_SUBSCRIPTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/fakes/nakadi/topic.h"

namespace weir::fake_nakadi {

// What is answered to a request that is no stream. A body of status 400 and
// above is a problem.
struct Answer {
  int status = 200;
  std::string body;
};

// A problem+json answer.
Answer Problem(int status, absl::string_view detail);

struct StreamParameters {
  int64_t batch_limit = 1;
  int64_t batch_flush_timeout = 30;  // All in seconds.
  int64_t stream_limit = 0;
  int64_t stream_timeout = 0;
  int64_t stream_keep_alive_limit = 0;
  int64_t max_uncommitted_events = 10;
  int64_t commit_timeout = 0;   // 0: the longest there is.
  std::vector<Key> partitions;  // Empty: assigned by the server.
};

struct CursorItem {
  Key key;
  std::string offset, token;
};

// One stream of a subscription, as the server sees it.
struct Session {
  enum class State {
    kStreaming,
    kClosing,  // Sends nothing more; may still commit, and holds its slot.
    kEnded,
  };
  struct Owned {
    uint64_t sent = 0;  // Position behind the last event sent.
    int64_t last_line_ns = 0;
    int64_t empty_lines = 0;
    std::string next_owner;  // Of a partition that is reassigned.
    int64_t leave_by_ns = 0;
  };

  std::string id, subscription;
  StreamParameters parameters;
  State state = State::kStreaming;
  std::map<Key, Owned> owned;
  int64_t opened_ns = 0;
  int64_t commit_clock_ns = 0;
  int64_t idle_since_ns = 0;  // Without a partition.
  uint64_t sent_total = 0;
  uint64_t most_uncommitted = 0;  // The largest window use there was.
  std::string outbox;             // Lines that the connection has not taken.
};

// One subscription: who owns which partition, what was sent and committed. It
// is the server's state machine without sockets and without a clock of its own:
// `now_ns` is given to each call. Not thread-safe.
class Subscription {
 public:
  // Bytes of an outbox above which a stream gets nothing more for now.
  static constexpr size_t kOutboxBytes = 1 << 20;

  struct Options {
    std::string id, owning_application, consumer_group, read_from = "end";
    std::vector<std::string> event_types;
    std::map<Key, std::string> initial_cursors;
    int64_t max_commit_timeout = 60;
    int64_t second_ns = 1'000'000'000;  // What the server takes for a second.
  };

  // `topics` must outlive it.
  Subscription(Options options, Topics& topics);

  // Opens a stream, or says why not. The session is null then.
  Answer Open(const StreamParameters& parameters, int64_t now_ns,
              std::shared_ptr<Session>* session);
  Answer Commit(absl::string_view stream_id,
                const std::vector<CursorItem>& items, int64_t now_ns);
  Answer Cursors() const;
  Answer Stats() const;
  // Begins a reset; `done` of Tick says when it is over. Answers at once, with
  // something else than 0, if there is nothing to wait for.
  Answer Reset(const std::vector<CursorItem>& items, int64_t now_ns);

  // A write to the client of `session` failed.
  void ClientGone(Session& session, int64_t now_ns);
  // Ends all streams with `info`, as for a deletion or a blocked consumer.
  void CloseAll(absl::string_view info, int64_t now_ns);
  // Ends all streams without grace, as a server does that shuts down.
  void EndAll();

  // Sends what there is to send, and does what it is time for. Returns whether
  // a reset came to its end.
  bool Tick(int64_t now_ns);
  // When to call Tick at the latest, if nothing else happens.
  int64_t NextTick(int64_t now_ns) const;

  const Options& options() const { return options_; }
  std::vector<Key> Keys() const;
  // Position behind the last committed event; 0 before initialisation.
  uint64_t Committed(const Key& key) const;
  uint64_t most_uncommitted() const { return most_uncommitted_; }
  size_t open_sessions() const { return sessions_.size(); }

 private:
  void Initialise();
  uint64_t Uncommitted(const Session& session) const;
  std::shared_ptr<Session> Find(absl::string_view stream_id) const;
  Session* OwnerOf(const Key& key) const;
  void Pump(Session& session, int64_t now_ns);
  void Send(Session& session, const Key& key, uint64_t count, int64_t now_ns);
  void SendInfo(Session& session, absl::string_view info);
  void Close(Session& session, absl::string_view info, int64_t now_ns);
  void End(Session& session);
  void Rebalance(int64_t now_ns);
  void Move(const Key& key, Session* from, Session& to, int64_t now_ns);
  int64_t Seconds(int64_t seconds) const {
    return seconds * options_.second_ns;
  }

  const Options options_;
  Topics& topics_;
  bool initialised_ = false;
  std::map<Key, uint64_t> committed_;
  std::vector<std::shared_ptr<Session>> sessions_;  // None is kEnded.
  uint64_t most_uncommitted_ = 0;
  uint64_t tokens_ = 0;

  std::optional<std::vector<CursorItem>> reset_;
  int64_t reset_by_ns_ = 0;
};

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_SUBSCRIPTION_H_
