// A subscription through the streamer, the source, the decoder and handlers of
// their own thread, while the server does everything that a server can do. What
// must hold whatever happens:
//
//   (a) no event is lost
//   (b) the order of a partition never goes back within one stream
//   (c) nothing is committed that was not handled
//   (d) duplicates come only after a stream has ended, at most a window each
//   (e) a stream is opened at most once for each back-off
//   (f) stopping waits for nothing that a server might say
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/decode/decode_stage.h"
#include "host/decode/nakadi_decoder.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/frame_sink.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/source/nakadi_source.h"
#include "host/source/streamer.h"
#include "host/sync/interruptible_sleeper.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "lib/nakadi/http_transfer.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/nakadi/fake_nakadi.h"
#include "tests/fakes/nakadi/fault.h"

namespace weir {
namespace {

using fake_nakadi::FakeNakadi;
using fake_nakadi::Fault;
using State = SourceStatus::State;
using What = Fault::What;
using Where = Fault::Where;

constexpr int kPartitions = 2;
constexpr uint32_t kWindow = 10;
constexpr absl::Duration kPatience = absl::Seconds(60);
// What the server takes for a second.
constexpr absl::Duration kSecond = absl::Milliseconds(20);

template <typename F>
bool Eventually(F condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// Reads the numbers of {"p":0,"n":5} events in `text`, as (partition, number).
std::vector<std::pair<int, int>> Numbers(absl::string_view text) {
  std::vector<std::pair<int, int>> numbers;
  size_t at = 0;
  while ((at = text.find("{\"p\":", at)) != absl::string_view::npos) {
    const std::string rest(text.substr(at + 5, 40));
    char* end = nullptr;
    const long partition = std::strtol(rest.c_str(), &end, 10);
    const long number = std::strtol(end + 5, nullptr, 10);
    numbers.emplace_back(static_cast<int>(partition), static_cast<int>(number));
    ++at;
  }
  return numbers;
}

// What was handled, by all sources of a test. Thread-safe.
class Handled {
 public:
  void Add(int partition, int number) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    duplicates_ += numbers_[partition].insert(number).second ? 0 : 1;
  }
  // How many from 0 on are handled without a hole.
  uint64_t Contiguous(int partition) const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    const auto it = numbers_.find(partition);
    if (it == numbers_.end()) return 0;
    uint64_t count = 0;
    for (const int number : it->second) {
      if (number != static_cast<int>(count)) break;
      ++count;
    }
    return count;
  }
  uint64_t duplicates() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return duplicates_;
  }

 private:
  mutable Mutex mu_;
  std::map<int, std::set<int>> numbers_ ABSL_GUARDED_BY(mu_);
  uint64_t duplicates_ ABSL_GUARDED_BY(mu_) = 0;
};

// Handles messages on a thread of its own, while the gate is open.
class Handlers final : public MessageSink {
 public:
  explicit Handlers(Handled& handled)
      : handled_(handled), thread_([this] { Run(); }) {}
  ~Handlers() override {
    {
      MutexLock lock(&mu_);
      stopping_ = true;
      told_.NotifyAll();
    }
    thread_.join();
  }

  void Dispatch(MessageBatchRef batch) override {
    MutexLock lock(&mu_);
    queue_.push_back(std::move(batch));
    told_.NotifyAll();
  }
  bool Wanted(uint16_t) const override { return false; }

  void SetGate(bool open) {
    MutexLock lock(&mu_);
    open_ = open;
    told_.NotifyAll();
  }
  // As a host does at its end with what nobody had time for.
  void ThrowAway() {
    std::deque<MessageBatchRef> queue;
    {
      MutexLock lock(&mu_);
      queue.swap(queue_);
    }
    for (MessageBatchRef& batch : queue) batch->MarkLost();
  }
  // Called before each event is handled.
  std::function<void()> before;

 private:
  void Run() {
    while (true) {
      MessageBatchRef batch;
      {
        MutexLock lock(&mu_);
        while (!stopping_ && (queue_.empty() || !open_)) told_.Wait(&mu_);
        if (stopping_) return;
        batch = std::move(queue_.front());
        queue_.pop_front();
      }
      const Message* message = batch->first();
      for (size_t i = 0; i < batch->size(); ++i, message = message->next) {
        if (before) before();
        for (const auto& [partition, number] : Numbers(message->payload())) {
          handled_.Add(partition, number);
        }
      }
    }
  }

  Handled& handled_;
  Mutex mu_;
  CondVar told_;
  std::deque<MessageBatchRef> queue_ ABSL_GUARDED_BY(mu_);
  bool open_ ABSL_GUARDED_BY(mu_) = true;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// Waits no longer than a few milliseconds, and counts.
class Sleeps {
 public:
  SleeperFactory factory() {
    return [this] { return std::make_unique<Short>(*this); };
  }
  uint64_t count() const { return count_; }
  absl::Duration longest() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return longest_;
  }

 private:
  class Short final : public Sleeper {
   public:
    explicit Short(Sleeps& sleeps) : sleeps_(sleeps) {}
    bool SleepFor(absl::Duration duration) override {
      sleeps_.Note(duration);
      return sleeper_.SleepFor(std::min(duration, absl::Milliseconds(5)));
    }
    void Wake() override { sleeper_.Wake(); }

   private:
    Sleeps& sleeps_;
    InterruptibleSleeper sleeper_;
  };

  void Note(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_) {
    ++count_;
    MutexLock lock(&mu_);
    longest_ = std::max(longest_, duration);
  }

  std::atomic<uint64_t> count_{0};
  mutable Mutex mu_;
  absl::Duration longest_ ABSL_GUARDED_BY(mu_);
};

// A source with all that is behind it in a host.
class Pipeline final : public FrameSink {
 public:
  Pipeline(const NakadiOptions& options, Handled& handled)
      : handlers_(handled),
        stage_({.source = "sources/orders"},
               std::make_unique<NakadiDecoder>(types_),
               {.pool = pool_,
                .types = types_,
                .last_seq = seq_,
                .sink = handlers_,
                .upstream_error = {},
                .clock = clock_}) {
    auto source = std::make_unique<NakadiSource>(options, clock_);
    source_ = source.get();
    StreamerOptions streamer;
    streamer.id = "orders";
    streamer.backoff = {.initial = absl::Milliseconds(10),
                        .max = absl::Seconds(10),
                        .multiplier = 1.5};
    streamer.staleness = absl::ZeroDuration();
    streamer_ = std::make_unique<Streamer>(streamer, std::move(source), *this,
                                           events_, clock_, sleeps_.factory());
  }
  ~Pipeline() override { streamer_->Stop(); }

  // (b), on the thread that opens streams.
  void Accept(FrameBatch& batch) override {
    const uint64_t stream = source_->GetProgress().counters.at("streams");
    if (stream != stream_) last_.clear();
    stream_ = stream;
    for (const absl::string_view frame : batch.frames) {
      for (const auto& [partition, number] : Numbers(frame)) {
        const auto last = last_.find(partition);
        if (last != last_.end()) {
          // Not always the next one: it may have been another's meanwhile.
          EXPECT_GT(number, last->second) << "partition " << partition;
        }
        last_[partition] = number;
      }
    }
    stage_.Accept(batch);
  }

  Streamer& streamer() { return *streamer_; }
  Handlers& handlers() { return handlers_; }
  const Sleeps& sleeps() const { return sleeps_; }
  State state() const { return streamer_->GetStatus().state; }
  SourceStatus status() const { return streamer_->GetStatus(); }
  uint64_t Counter(const std::string& name) const {
    const auto counters = source_->GetProgress().counters;
    const auto it = counters.find(name);
    return it == counters.end() ? 0 : it->second;
  }

 private:
  SystemClock clock_;
  SlabPool pool_;
  NameTable types_;
  std::atomic<uint64_t> seq_{0};
  FakeEventSink events_;
  Sleeps sleeps_;
  Handlers handlers_;
  DecodeStage stage_;
  NakadiSource* source_ = nullptr;
  uint64_t stream_ = 0;
  std::map<int, int> last_;
  std::unique_ptr<Streamer> streamer_;
};

class NakadiFaultMatrix : public testing::Test {
 protected:
  NakadiFaultMatrix() {
    Serve({.second = kSecond});
    options_.id = "orders";
    options_.client.connect_timeout = absl::Milliseconds(300);
    options_.stream.batch_limit = 3;
    options_.stream.batch_flush_timeout = absl::Seconds(1);
    // 200 ms to the server; a call that hangs is given up after as long.
    options_.stream.commit_timeout = absl::Seconds(10);
    options_.stream.max_uncommitted_events = kWindow;
    options_.stream.read_timeout = absl::Milliseconds(1001);
  }

  void Serve(FakeNakadi::Options options) {
    server_ = std::make_unique<FakeNakadi>(options);
    server_->AddEventType("shop.order", kPartitions);
    id_ = server_->AddSubscription(
        {.read_from = "begin", .event_types = {"shop.order"}});
    options_.client.url = server_->url();
    options_.subscription_id = id_;
  }

  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      const int partition = i % kPartitions;
      server_->Publish({"shop.order", absl::StrCat(partition)},
                       absl::StrCat("{\"p\":", partition,
                                    ",\"n\":", published_[partition]++, "}"));
    }
  }

  std::unique_ptr<Pipeline> Make() {
    auto pipeline = std::make_unique<Pipeline>(options_, handled_);
    pipeline->handlers().before = [this] { CheckCommitted(); };
    return pipeline;
  }

  uint64_t Committed(int partition) const {
    return server_->Committed(id_, {"shop.order", absl::StrCat(partition)});
  }

  // (c). What is handled only grows, so it is read last.
  void CheckCommitted() const {
    for (int i = 0; i < kPartitions; ++i) {
      const uint64_t committed = Committed(i);
      EXPECT_LE(committed, handled_.Contiguous(i)) << "partition " << i;
    }
  }

  bool AllCommitted() const {
    for (int i = 0; i < kPartitions; ++i) {
      if (Committed(i) != static_cast<uint64_t>(published_[i])) return false;
    }
    return true;
  }

  // Waits until all is committed, and checks (a), (c), (d) and (e).
  void Follow(const Pipeline& pipeline) {
    EXPECT_TRUE(Eventually([&] { return AllCommitted(); }))
        << "committed " << Committed(0) << " and " << Committed(1) << ", "
        << pipeline.status().details.at("phase");
    CheckCommitted();
    for (int i = 0; i < kPartitions; ++i) {
      EXPECT_EQ(handled_.Contiguous(i), static_cast<uint64_t>(published_[i]));
    }
    const FakeNakadi::Seen seen = server_->seen();
    const uint64_t ends = seen.streams - 1;
    EXPECT_LE(handled_.duplicates(), ends * kWindow);
    EXPECT_LE(seen.openings, pipeline.sleeps().count() + 1 + by_hand_);
    EXPECT_LE(server_->MostUncommitted(id_), kWindow);
  }

  std::unique_ptr<FakeNakadi> server_;
  std::string id_;
  NakadiOptions options_;
  int published_[kPartitions] = {};
  uint64_t by_hand_ = 0;  // Openings that somebody asked for.
  Handled handled_;
};

// ------------------------------------------------- what cures itself

struct Case {
  const char* name;
  Fault fault;
  int times = 1;
  // What of the source must count it, if anything.
  const char* counter = nullptr;
};

std::string NameOf(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

class NakadiFaultMatrixEach : public NakadiFaultMatrix,
                              public testing::WithParamInterface<Case> {};

constexpr char kHtml[] = "<html><body>502 Bad Gateway</body></html>";

INSTANTIATE_TEST_SUITE_P(
    Openings, NakadiFaultMatrixEach,
    testing::Values(
        Case{"Hang", {.what = What::kHang}, 2, "openings_failed_connect"},
        Case{"Close", {.what = What::kClose}, 3, "openings_failed_connect"},
        Case{"HeaderThatDoesNotEnd",
             {.what = What::kSlowHeader, .after_bytes = 30},
             2,
             "openings_failed_connect"},
        Case{"Answer401",
             {.status = 401, .body = "{\"error\":\"invalid_token\"}"},
             2,
             "openings_failed_401"},
        Case{"Answer409",
             {.status = 409,
              .body = "{\"detail\":\"No free slots for streaming\"}"},
             5,
             "openings_failed_409"},
        Case{"Answer429",
             {.status = 429, .headers = "Retry-After: 2\r\n"},
             2,
             "openings_failed_429"},
        Case{"Answer500", {.status = 500}, 3, "openings_failed_500"},
        Case{"Answer503WithHtml",
             {.status = 503, .body = kHtml},
             3,
             "openings_failed_503"},
        Case{"NoStreamId",
             {.what = What::kNoStreamId},
             2,
             "openings_failed_200"},
        Case{"EndAtOnce",
             {.what = What::kEndAtOnce},
             5,
             "streams_ended_end_of_stream"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Reading, NakadiFaultMatrixEach,
    testing::Values(
        Case{
            "Stall",
            {.where = Where::kStream, .what = What::kStall, .after_bytes = 400},
            1,
            "streams_lost_read_timeout"},
        Case{"Garbage",
             {.where = Where::kStream, .what = What::kLine, .body = "<html>\n"},
             2,
             "streams_lost_protocol"},
        Case{"NoCursor",
             {.where = Where::kStream,
              .what = What::kLine,
              .body = "{\"events\":[1]}\n"},
             2,
             "streams_lost_protocol"},
        Case{"NullToken",
             {.where = Where::kStream,
              .what = What::kLine,
              .body = "{\"cursor\":{\"partition\":\"0\",\"offset\":\"1\","
                      "\"event_type\":\"shop.order\",\"cursor_token\":null},"
                      "\"events\":[1]}\n"},
             2,
             "streams_lost_protocol"},
        Case{"BlankLines",
             {.where = Where::kStream,
              .what = What::kLine,
              .body = "\n\r\n   \n"},
             1},
        Case{"GiantLine",
             {.where = Where::kStream,
              .what = What::kLine,
              .body = std::string(3 << 20, 'x')},
             2,
             "streams_lost_protocol"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Commits, NakadiFaultMatrixEach,
    testing::Values(
        Case{"Answer401", {.where = Where::kCommit, .status = 401}, 1},
        Case{"Answer422Session",
             {.where = Where::kCommit,
              .status = 422,
              .body = "{\"detail\":\"Session with stream id 1 not found\"}"},
             2,
             "commits_rejected"},
        Case{"Answer422Partition",
             {.where = Where::kCommit,
              .status = 422,
              .body = "{\"detail\":\"Cursor x cannot be committed with stream "
                      "id 1\"}"},
             1,
             "commits_rejected"},
        Case{"Answer403", {.where = Where::kCommit, .status = 403}, 1},
        Case{"Answer404", {.where = Where::kCommit, .status = 404}, 1},
        Case{"Answer503", {.where = Where::kCommit, .status = 503}, 3},
        Case{"Close", {.where = Where::kCommit, .what = What::kClose}, 2},
        Case{"LostAnswer",
             {.where = Where::kCommit, .what = What::kLoseAnswer},
             1,
             "commits_outdated"},
        Case{"Hang", {.where = Where::kCommit, .what = What::kHang}, 1}),
    NameOf);

TEST_P(NakadiFaultMatrixEach, GoesOnAndKeepsWhatMustHold) {
  options_.stream.max_line_bytes = 2 << 20;
  if (GetParam().fault.what == What::kHang) {
    options_.stream.commit_timeout = absl::Seconds(1);
  }
  for (int i = 0; i < GetParam().times; ++i) server_->Inject(GetParam().fault);
  Publish(120);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  if (GetParam().counter != nullptr) {
    EXPECT_GE(pipeline->Counter(GetParam().counter),
              static_cast<uint64_t>(GetParam().times));
  }
}

struct Cut {
  const char* name;
  What what;
  bool gzip;
};

class NakadiFaultMatrixCut : public NakadiFaultMatrix,
                             public testing::WithParamInterface<Cut> {};

INSTANTIATE_TEST_SUITE_P(Each, NakadiFaultMatrixCut,
                         testing::Values(Cut{"Fin", What::kFin, false},
                                         Cut{"FinPacked", What::kFin, true},
                                         Cut{"Reset", What::kReset, false},
                                         Cut{"ResetPacked", What::kReset, true},
                                         Cut{"EndPacked", What::kEnd, true}),
                         [](const testing::TestParamInfo<Cut>& info) {
                           return info.param.name;
                         });

TEST_P(NakadiFaultMatrixCut, LosesNothingWhereverAStreamIsCut) {
  // Its seconds are short, so that it frees the slot of a lost connection soon.
  Serve({.second = absl::Milliseconds(4)});
  options_.client.gzip = GetParam().gzip;
  constexpr int kCuts = 40;
  for (int i = 0; i < kCuts; ++i) {
    server_->Inject({.where = Where::kStream,
                     .what = GetParam().what,
                     .after_bytes = static_cast<uint64_t>(i) * 11});
  }
  Publish(400);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  // The first cuts are before any event, so there are always more streams.
  EXPECT_TRUE(Eventually([&] { return server_->seen().streams > kCuts; }));
  Follow(*pipeline);
}

// ------------------------------------------- what somebody has to cure

class NakadiFaultMatrixFinal : public NakadiFaultMatrix,
                               public testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Each, NakadiFaultMatrixFinal,
                         testing::Values(400, 403, 404, 412, 422),
                         [](const testing::TestParamInfo<int>& info) {
                           return absl::StrCat("Answer", info.param);
                         });

TEST_P(NakadiFaultMatrixFinal, WaitsForAnOperator) {
  server_->Inject({.status = GetParam(), .body = "{\"detail\":\"because\"}"});
  Publish(20);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  ASSERT_TRUE(Eventually([&] { return pipeline->state() == State::kFailed; }));
  const SourceStatus status = pipeline->status();
  ASSERT_TRUE(status.last_error.has_value());
  EXPECT_NE(status.last_error->message.find("because"), std::string::npos);
  EXPECT_NE(status.last_error->message.find("fake-flow-id"), std::string::npos);
  EXPECT_EQ(server_->seen().openings, 1u);
  ++by_hand_;
  ASSERT_TRUE(pipeline->streamer().Reconnect(true, "").ok());
  Follow(*pipeline);
}

// ----------------------------------------------------- names and ports

TEST_F(NakadiFaultMatrix, WaitsForAHeaderThatComesByteByByte) {
  server_->Inject({.what = What::kSlowHeader});
  Publish(20);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  EXPECT_EQ(server_->seen().openings, 1u);
}

TEST_F(NakadiFaultMatrix, WaitsForAServerThatIsNotThere) {
  const std::string url = server_->url();
  server_.reset();
  const auto pipeline = Make();
  pipeline->streamer().Start();
  ASSERT_TRUE(Eventually(
      [&] { return pipeline->Counter("openings_failed_connect") >= 3; }));
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port));
  Serve({.second = kSecond, .port = static_cast<uint16_t>(port)});
  ASSERT_EQ(server_->url(), url);
  Publish(40);
  Follow(*pipeline);
}

TEST_F(NakadiFaultMatrix, TriesANameThatIsNotKnownAgain) {
  options_.client.url = "http://no-such-host.invalid";
  const auto pipeline = Make();
  pipeline->streamer().Start();
  EXPECT_TRUE(Eventually(
      [&] { return pipeline->Counter("openings_failed_connect") >= 2; }));
}

// ------------------------------------------------------------ waiting

TEST_F(NakadiFaultMatrix, WaitsAsLongAsAServerAsksFor) {
  server_->Inject({.status = 429, .headers = "Retry-After: 7\r\n"});
  Publish(20);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  EXPECT_EQ(pipeline->sleeps().longest(), absl::Seconds(7));
}

TEST_F(NakadiFaultMatrix, ReadsTheTokenAgainAfterA401) {
  std::atomic<int> asked{0};
  options_.client.token = [&]() -> absl::StatusOr<std::string> {
    return ++asked < 3 ? "old" : "new";
  };
  server_->RequireToken("new");
  Publish(20);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  EXPECT_EQ(pipeline->Counter("openings_failed_401"), 2u);
  pipeline->streamer().Stop();
}

// --------------------------------------------------------------- life

TEST_F(NakadiFaultMatrix, GoesOnAfterACommitTimeoutWhileHandling) {
  Publish(100);
  const auto pipeline = Make();
  pipeline->handlers().SetGate(false);
  pipeline->streamer().Start();
  ASSERT_TRUE(Eventually([&] { return server_->OpenSessions(id_) == 1; }));
  ASSERT_TRUE(Eventually([&] { return server_->OpenSessions(id_) == 0; }));
  // It does not open another while what nobody can commit lies in the queue.
  EXPECT_TRUE(Eventually(
      [&] { return pipeline->status().details.at("phase") == "draining"; }));
  EXPECT_EQ(server_->seen().openings, 1u);
  pipeline->handlers().SetGate(true);
  Follow(*pipeline);
  EXPECT_GT(pipeline->Counter("uncommittable_events"), 0u);
  EXPECT_GT(handled_.duplicates(), 0u);
}

TEST_F(NakadiFaultMatrix, GoesOnWhenWhatIsInAHandlerStaysThere) {
  options_.stream.commit_timeout = absl::Seconds(1);
  Publish(100);
  const auto pipeline = Make();
  pipeline->handlers().SetGate(false);
  pipeline->streamer().Start();
  // A handler that hangs does not end the source for all others.
  ASSERT_TRUE(Eventually([&] { return server_->seen().streams >= 2; }));
  pipeline->handlers().SetGate(true);
  Follow(*pipeline);
}

TEST_F(NakadiFaultMatrix, GoesOnAfterAServerWasShutDownWhileHandling) {
  Publish(60);
  const auto pipeline = Make();
  pipeline->handlers().SetGate(false);
  pipeline->streamer().Start();
  ASSERT_TRUE(
      Eventually([&] { return pipeline->Counter("window_used") == kWindow; }));
  server_->EndStreams();
  ASSERT_TRUE(Eventually(
      [&] { return pipeline->Counter("streams_ended_end_of_stream") > 0; }));
  pipeline->handlers().SetGate(true);
  Follow(*pipeline);
}

TEST_F(NakadiFaultMatrix, CommitsWhatIsHandledAfterTheEndOfItsStream) {
  options_.stream.commit_timeout = absl::Seconds(60);
  Serve({.second = absl::Milliseconds(200)});
  Publish(60);
  const auto pipeline = Make();
  pipeline->handlers().SetGate(false);
  pipeline->streamer().Start();
  ASSERT_TRUE(
      Eventually([&] { return pipeline->Counter("window_used") == kWindow; }));
  // With grace, unlike the test above.
  server_->CloseStreams("Stream timeout reached");
  pipeline->handlers().SetGate(true);
  Follow(*pipeline);
  EXPECT_EQ(handled_.duplicates(), 0u);
}

TEST_F(NakadiFaultMatrix, ReadsFromWhereItsCursorsWereSetWhileHandling) {
  // Long enough for the reset to come first, shorter than what that waits for.
  options_.stream.commit_timeout = absl::Seconds(30);
  Publish(60);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  const int handled_before = published_[0];
  pipeline->handlers().SetGate(false);
  Publish(20);
  ASSERT_TRUE(
      Eventually([&] { return pipeline->Counter("window_used") == kWindow; }));
  std::thread operators([&] {
    const nakadi::SteadyClock clock;
    nakadi::HttpTransfer transfer({}, false, clock);
    nakadi::HttpAnswer answer;
    std::string body;
    (void)transfer.Do(
        {.method = "PATCH",
         .url =
             absl::StrCat(server_->url(), "/subscriptions/", id_, "/cursors"),
         .body = "{\"items\":[{\"event_type\":\"shop.order\",\"partition\":"
                 "\"0\",\"offset\":\"BEGIN\"}]}"},
        absl::Seconds(30), &answer, &body);
    EXPECT_EQ(answer.status, 204);
  });
  // The outage, since a commit that comes too late may be the last error.
  EXPECT_TRUE(Eventually([&] {
    const auto outage = pipeline->status().outage;
    return outage.has_value() &&
           absl::StrContains(outage->reason, "Resetting subscription cursors");
  }));
  EXPECT_GT(pipeline->Counter("streams_ended_end_of_stream"), 0u);
  pipeline->handlers().SetGate(true);
  operators.join();
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  // All of partition 0 came again.
  EXPECT_GE(handled_.duplicates(), static_cast<uint64_t>(handled_before));
}

TEST_F(NakadiFaultMatrix, SharesPartitionsWithAnotherAndTakesThemBack) {
  Publish(40);
  const auto pipeline = Make();
  pipeline->streamer().Start();
  Follow(*pipeline);
  {
    pipeline->handlers().SetGate(false);
    Publish(20);
    ASSERT_TRUE(Eventually(
        [&] { return pipeline->Counter("window_used") == kWindow; }));
    const auto other = Make();
    other->streamer().Start();
    ASSERT_TRUE(
        Eventually([&] { return other->state() == State::kConnected; }));
    pipeline->handlers().SetGate(true);
    ASSERT_TRUE(Eventually([&] { return AllCommitted(); }));
    const uint64_t before = other->Counter("events");
    EXPECT_TRUE(Eventually([&] {
      Publish(2);
      return other->Counter("events") > before;
    }));
    EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
    CheckCommitted();
  }
  Publish(40);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  for (int i = 0; i < kPartitions; ++i) {
    EXPECT_EQ(handled_.Contiguous(i), static_cast<uint64_t>(published_[i]));
  }
}

TEST_F(NakadiFaultMatrix, StandsByUntilThereIsASlot) {
  options_.stream.partitions = {{"shop.order", "0"}, {"shop.order", "1"}};
  const auto first = Make();
  first->streamer().Start();
  ASSERT_TRUE(Eventually([&] { return first->state() == State::kConnected; }));
  const auto second = Make();
  second->streamer().Start();
  // 1 s, 2 s, 4 s: longer than the back-off's, and no failure for good.
  EXPECT_TRUE(Eventually(
      [&] { return second->sleeps().longest() >= absl::Seconds(4); }));
  EXPECT_GE(second->Counter("openings_failed_409"), 3u);
  first->streamer().Stop();
  Publish(40);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
}

// ------------------------------------------------------------ stopping

TEST_F(NakadiFaultMatrix, StopsWhereverItIs) {
  options_.stream.batch_flush_timeout = absl::Seconds(600);
  options_.stream.read_timeout = absl::Seconds(700);
  options_.client.connect_timeout = absl::Seconds(600);
  {
    const auto idle = Make();
    idle->streamer().Start();
    ASSERT_TRUE(Eventually([&] { return idle->state() == State::kConnected; }));
  }
  {
    server_->Inject({.what = What::kHang});
    const auto opening = Make();
    const uint64_t before = server_->seen().openings;
    opening->streamer().Start();
    ASSERT_TRUE(Eventually([&] { return server_->seen().openings > before; }));
  }
  {
    Serve({.second = kSecond});
    Publish(20);
    const auto draining = Make();
    draining->handlers().SetGate(false);
    draining->streamer().Start();
    ASSERT_TRUE(Eventually(
        [&] { return draining->Counter("window_used") == kWindow; }));
    server_->EndStreams();
    ASSERT_TRUE(Eventually(
        [&] { return draining->status().details.at("phase") == "draining"; }));
  }
}

TEST_F(NakadiFaultMatrix, CommitsNothingOfWhatIsThrownAwayAtTheEnd) {
  Publish(20);
  {
    const auto pipeline = Make();
    pipeline->handlers().SetGate(false);
    pipeline->streamer().Start();
    ASSERT_TRUE(Eventually(
        [&] { return pipeline->Counter("window_used") == kWindow; }));
    pipeline->streamer().Stop();
    pipeline->handlers().ThrowAway();
  }
  EXPECT_EQ(server_->seen().commits, 0u);
  const auto next = Make();
  next->streamer().Start();
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
}

}  // namespace
}  // namespace weir
