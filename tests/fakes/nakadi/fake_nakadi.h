#ifndef WEIR_TESTS_FAKES_NAKADI_FAKE_NAKADI_H_
#define WEIR_TESTS_FAKES_NAKADI_FAKE_NAKADI_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"
#include "tests/fakes/nakadi/fault.h"
#include "tests/fakes/nakadi/http_connection.h"
#include "tests/fakes/nakadi/subscription.h"
#include "tests/fakes/nakadi/topic.h"

namespace weir::fake_nakadi {

// A Nakadi server: subscriptions, streams, commits, statistics, publishing, as
// the real one behaves, with faults on demand. One thread serves everyone on
// 127.0.0.1 and a free port.
//
// It leaves out: authorization beyond one token, the low-level API, Avro,
// repartitioning, dead letters, partition keys of event types, and schemas
// beyond what metadata they need.
//
// It shares no code with weir's client. Thread-safe.
class FakeNakadi {
 public:
  struct Options {
    // What counts as a second of a client's parameters. Short: a test takes
    // short.
    absl::Duration second = absl::Seconds(1);
    int64_t max_commit_timeout = 60;  // Such seconds.
    // Cuts what is sent into chunks of this many bytes; 0 is as it comes.
    size_t chunk_bytes = 0;
    uint16_t port = 0;  // 0 is any free one.
  };

  explicit FakeNakadi(const Options& options);
  FakeNakadi() : FakeNakadi(Options()) {}
  ~FakeNakadi();

  FakeNakadi(const FakeNakadi&) = delete;
  FakeNakadi& operator=(const FakeNakadi&) = delete;

  std::string url() const;

  // Events of a subscription that is made are kept under "0", "1", ...
  void AddEventType(const std::string& name, int partitions)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Events of this type need metadata with an eid and the time they occurred
  // at, as those of the categories business and data do.
  void RequireMetadata(const std::string& name) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns the subscription's id.
  std::string AddSubscription(Subscription::Options options)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(const Key& key, std::string event) ABSL_LOCKS_EXCLUDED(mu_);
  // `count` times the same event.
  void Fill(const Key& key, std::string event, uint64_t count)
      ABSL_LOCKS_EXCLUDED(mu_);
  // What was published to `key`, as it is stored.
  std::vector<std::string> Published(const Key& key) const
      ABSL_LOCKS_EXCLUDED(mu_);
  void Inject(Fault fault) ABSL_LOCKS_EXCLUDED(mu_);
  // Requests must bear it from now on; empty: none is asked for.
  void RequireToken(std::string token) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends all streams as a server does that shuts down.
  void EndStreams() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends them with an info line and grace.
  void CloseStreams(absl::string_view info) ABSL_LOCKS_EXCLUDED(mu_);

  // What was seen so far.
  struct Seen {
    uint64_t openings = 0;  // Requests for a stream, whatever became of them.
    uint64_t streams = 0;   // Of which 200.
    uint64_t commits = 0;   // Requests for a commit.
    std::map<int, uint64_t> commit_answers;     // By status, and 0: none.
    std::vector<std::string> opening_requests;  // Line and header.
    std::string last_body;                      // Of a commit.
    std::string last_commit_request;            // Line and header.
    uint64_t publishes = 0;                     // Requests.
    std::string last_publish_request;           // Line and header.
  };
  Seen seen() const ABSL_LOCKS_EXCLUDED(mu_);
  // How many events of `key` are committed.
  uint64_t Committed(const std::string& subscription, const Key& key) const
      ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t MostUncommitted(const std::string& subscription) const
      ABSL_LOCKS_EXCLUDED(mu_);
  size_t OpenSessions(const std::string& subscription) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Serve() ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() const;
  void Handle(HttpConnection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Answer Route(const HttpRequest& request, HttpConnection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Answer CreateSubscription(const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Answer Publish(const std::string& type, const HttpRequest& request,
                 HttpConnection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Answer Control(const HttpRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Each returns status 0 if there is nothing to say, or not yet.
  Answer OpenStream(const HttpRequest& request, Subscription& subscription,
                    HttpConnection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Answer CommitCursors(const HttpRequest& request, Subscription& subscription,
                       HttpConnection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Answers as `fault` says, if that is instead of what was asked for.
  static bool AnswerWith(const Fault& fault, HttpConnection& connection);
  // Takes the next fault of `where` that is about a request, if there is one.
  bool TakeFault(Fault::Where where, Fault* fault)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves what sessions have to say to their connections.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  int listener_ = -1, epoll_ = -1, wake_ = -1;
  uint16_t port_ = 0;

  mutable Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Topics topics_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::unique_ptr<Subscription>> subscriptions_
      ABSL_GUARDED_BY(mu_);
  std::map<int, std::unique_ptr<HttpConnection>> connections_
      ABSL_GUARDED_BY(mu_);
  // Waiting for the end of a reset, by subscription.
  std::map<std::string, int> resetting_ ABSL_GUARDED_BY(mu_);
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mu_);
  std::string token_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> strict_types_ ABSL_GUARDED_BY(mu_);
  Seen seen_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_FAKE_NAKADI_H_
