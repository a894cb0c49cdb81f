// The pull API against the fake server, through every fault it can make. What
// must hold whatever happens:
//
//   (a) no event is lost
//   (b) the order of a partition never goes back within one stream
//   (c) nothing is committed that was not handled
//   (d) duplicates come only after a cut, at most a window for each
//   (e) a stream is opened at most once for each back-off
//   (f) closing an idle stream takes at most a second

#include "lib/nakadi/stream_api.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"
#include "lib/nakadi/error.h"
#include "tests/fakes/nakadi/fake_nakadi.h"

namespace weir::nakadi {
namespace {

using fake_nakadi::FakeNakadi;
using fake_nakadi::Fault;
using fake_nakadi::Key;
using What = Fault::What;
using Where = Fault::Where;

constexpr absl::Duration kSecond = absl::Milliseconds(50);
constexpr absl::Duration kPatience = absl::Seconds(30);

struct Trouble {
  absl::Status status;
  absl::Duration wait;
};

class StreamApiTest : public testing::Test {
 protected:
  StreamApiTest() {
    Start({.second = kSecond});
    options_.flush_timeout = absl::Seconds(1);
    options_.max_uncommitted_events = 10;
    options_.more.commit_timeout = absl::Seconds(5);
    options_.initial_retry_interval = absl::Milliseconds(2);
    options_.max_retry_interval = absl::Milliseconds(100);
    options_.more.read_timeout = absl::Seconds(1) + absl::Milliseconds(1);
    options_.standby_initial = absl::Milliseconds(5);
    options_.standby_max = absl::Milliseconds(40);
    options_.seed = 1;
    options_.notify_err = [this](const absl::Status& status,
                                 absl::Duration wait) {
      MutexLock lock(&mu_);
      troubles_.push_back({status, wait});
    };
    options_.notify_ok = [this] { ++oks_; };
  }

  void Start(const FakeNakadi::Options& options, int partitions = 2) {
    server_.reset();
    server_ = std::make_unique<FakeNakadi>(options);
    server_->AddEventType("shop.order", partitions);
    id_ = server_->AddSubscription(
        {.read_from = "begin", .event_types = {"shop.order"}});
    client_.url = server_->url();
    partitions_ = partitions;
  }

  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string partition = absl::StrCat(i % partitions_);
      const int number = published_[partition]++;
      server_->Publish({"shop.order", partition},
                       absl::StrCat("{\"n\":", number, "}"));
    }
  }

  std::unique_ptr<StreamApi> Make() {
    return std::make_unique<StreamApi>(client_, id_, options_);
  }

  // Reads and commits until all that was published is handled and committed.
  // Checks (a) to (c).
  void Follow(StreamApi& stream, bool commit = true) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!AllHandled() && absl::Now() < deadline) {
      const absl::StatusOr<StreamApi::Batch> batch = stream.NextEvents();
      ASSERT_TRUE(batch.ok()) << batch.status();
      Handle(*batch);
      if (!commit) continue;
      if (options_.commit_later) {
        stream.CommitLater(*batch);
      } else {
        (void)stream.CommitCursor(batch->cursor);
      }
      CheckCommitted();
    }
    EXPECT_TRUE(AllHandled());
  }

  void Handle(const StreamApi::Batch& batch) {
    const std::string& partition = batch.cursor.partition;
    absl::string_view events = batch.events;
    size_t at = 0, count = 0;
    while ((at = events.find("{\"n\":", at)) != absl::string_view::npos) {
      at += 5;
      int number = 0;
      ASSERT_TRUE(absl::SimpleAtoi(events.substr(at, events.find('}', at) - at),
                                   &number));
      // (b)
      const auto last = last_.find({batch.stream, partition});
      if (last != last_.end()) {
        EXPECT_EQ(number, last->second + 1) << "partition " << partition;
      }
      last_[{batch.stream, partition}] = number;
      duplicates_ += handled_[partition].insert(number).second ? 0 : 1;
      ++count;
    }
    EXPECT_EQ(count, batch.count);
  }

  // (c)
  void CheckCommitted() {
    for (const auto& [partition, numbers] : handled_) {
      EXPECT_LE(server_->Committed(id_, {"shop.order", partition}),
                numbers.size());
    }
  }

  bool AllHandled() const {
    for (const auto& [partition, count] : published_) {
      const auto it = handled_.find(partition);
      if (it == handled_.end() ||
          it->second.size() < static_cast<size_t>(count)) {
        return false;
      }
    }
    return true;
  }

  bool AllCommitted() const {
    for (const auto& [partition, count] : published_) {
      if (server_->Committed(id_, {"shop.order", partition}) <
          static_cast<uint64_t>(count)) {
        return false;
      }
    }
    return true;
  }

  template <typename F>
  bool Eventually(F condition) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!condition()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  std::vector<Trouble> troubles() {
    MutexLock lock(&mu_);
    return troubles_;
  }

  // (e): as many openings as there were waits, and the first.
  void CheckOpenings() {
    size_t waits = 1;
    for (const Trouble& trouble : troubles()) {
      waits += trouble.wait > absl::ZeroDuration() ? 1 : 0;
    }
    EXPECT_LE(server_->seen().openings, waits);
  }

  std::unique_ptr<FakeNakadi> server_;
  int partitions_ = 2;
  std::string id_;
  ClientOptions client_;
  StreamOptions options_;
  std::map<std::string, int> published_;
  std::map<std::string, std::set<int>> handled_;
  std::map<std::pair<uint64_t, std::string>, int> last_;
  size_t duplicates_ = 0;
  std::atomic<int> oks_{0};
  Mutex mu_;
  std::vector<Trouble> troubles_ ABSL_GUARDED_BY(mu_);
};

TEST_F(StreamApiTest, HandsOutEachEventOnceAndCommitsIt) {
  Publish(100);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(AllCommitted());
  EXPECT_EQ(duplicates_, 0u);
  EXPECT_TRUE(troubles().empty());
  EXPECT_EQ(oks_, 1 + 100);
  EXPECT_LE(server_->MostUncommitted(id_), 10u);
}

TEST_F(StreamApiTest, HandsOutBatchesUnpackedAsWell) {
  client_.gzip = false;
  options_.batch_limit = 7;
  options_.max_uncommitted_events = 50;
  Publish(200);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(AllCommitted());
  EXPECT_EQ(duplicates_, 0u);
  EXPECT_FALSE(absl::StrContains(server_->seen().opening_requests[0], "gzip"));
}

TEST_F(StreamApiTest, CommitsBehindTheCallersBackAllPartitionsAtOnce) {
  options_.commit_later = true;
  Publish(500);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  EXPECT_EQ(duplicates_, 0u);
  // One call for each event would be 500.
  EXPECT_LT(server_->seen().commits, 400u);
}

TEST_F(StreamApiTest, CommitsWhatIsLeftWhenItIsClosed) {
  options_.commit_later = true;
  options_.strategy.interval = absl::Seconds(50);
  Publish(4);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_FALSE(AllCommitted());
  EXPECT_TRUE(stream->Close(absl::Seconds(10)).ok());
  EXPECT_TRUE(AllCommitted());
}

TEST_F(StreamApiTest, CommitsBeforeTheDeadlineWhateverTheStrategy) {
  options_.commit_later = true;
  options_.strategy.interval = absl::Seconds(50);
  options_.strategy.every_events = 1000;
  options_.more.commit_timeout = absl::Seconds(2);
  options_.flush_timeout = absl::Seconds(1);
  Start({.second = absl::Seconds(1)});
  Publish(4);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  EXPECT_EQ(duplicates_, 0u);
  EXPECT_TRUE(troubles().empty());
}

TEST_F(StreamApiTest, GoesOnAfterOpeningsThatFail) {
  Publish(10);
  server_->Inject({.what = What::kClose});
  server_->Inject({.status = 503, .body = "<html>502 Bad Gateway</html>"});
  server_->Inject({.status = 500, .body = ""});
  server_->Inject({.status = 429, .body = "{"});
  server_->Inject({.status = 302, .headers = "Location: /elsewhere\r\n"});
  server_->Inject({.what = What::kNoStreamId});
  options_.more.commit_timeout = absl::Seconds(1);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_GE(troubles().size(), 6u);
  EXPECT_TRUE(absl::StrContains(troubles()[1].status.message(),
                                "HTTP status 503: <html>502 Bad Gateway"));
  EXPECT_TRUE(
      absl::StrContains(troubles()[1].status.message(), "fake-flow-id"));
  EXPECT_EQ(GetError(troubles()[1].status).http_status, 503);
  CheckOpenings();
}

TEST_F(StreamApiTest, WaitsAsLongAsAnAnswerAsksFor) {
  Publish(2);
  server_->Inject({.status = 429, .headers = "Retry-After: 1\r\n"});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_GE(troubles()[0].wait, absl::Seconds(1));
}

TEST_F(StreamApiTest, GivesUpAnOpeningThatIsNotAnswered) {
  client_.connect_timeout = absl::Milliseconds(100);
  Publish(2);
  server_->Inject({.what = What::kHang});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_EQ(GetError(troubles()[0].status).kind, Error::Kind::kConnect);
}

TEST_F(StreamApiTest, SurfacesWhatWaitingDoesNotCure) {
  Publish(2);
  const std::pair<int, absl::StatusCode> answers[] = {
      {400, absl::StatusCode::kInvalidArgument},
      {403, absl::StatusCode::kPermissionDenied},
      {404, absl::StatusCode::kNotFound},
      {412, absl::StatusCode::kInvalidArgument},
      {422, absl::StatusCode::kInvalidArgument}};
  for (const auto& [status, code] : answers) {
    server_->Inject(
        {.status = status, .body = "{\"detail\":\"no read right\"}"});
  }
  const auto stream = Make();
  for (const auto& [status, code] : answers) {
    const absl::Status error = stream->NextEvents().status();
    EXPECT_EQ(error.code(), code) << error;
    EXPECT_EQ(GetError(error).http_status, status);
    EXPECT_EQ(GetError(error).detail, "no read right");
    EXPECT_EQ(GetError(error).flow_id, "fake-flow-id");
  }
  Follow(*stream);  // It can be tried again.
}

TEST_F(StreamApiTest, AsksForTheTokenForEachRequest) {
  Publish(2);
  server_->RequireToken("new");
  std::atomic<int> asked{0};
  client_.token = [&]() -> absl::StatusOr<std::string> {
    if (++asked == 1) return absl::UnavailableError("no token yet");
    return asked == 2 ? "old" : "new";
  };
  const auto stream = Make();
  Follow(*stream);
  ASSERT_EQ(troubles().size(), 2u);
  EXPECT_EQ(GetError(troubles()[1].status).http_status, 401);
  EXPECT_EQ(GetError(troubles()[1].status).kind, Error::Kind::kAuth);
  EXPECT_GE(asked, 5);  // Three openings, two commits.
}

TEST_F(StreamApiTest, StandsByWhileAllSlotsAreTaken) {
  Start({.second = kSecond}, 1);
  Publish(4);
  const auto first = Make();
  const absl::StatusOr<StreamApi::Batch> batch = first->NextEvents();
  ASSERT_TRUE(batch.ok());
  const auto second = Make();
  std::thread standby([&] { Follow(*second); });
  EXPECT_TRUE(Eventually([&] { return !troubles().empty(); }));
  EXPECT_EQ(GetError(troubles()[0].status).kind, Error::Kind::kConflict);
  EXPECT_EQ(troubles()[0].wait, absl::Milliseconds(5));
  EXPECT_TRUE(first->Close().ok());
  standby.join();
}

class StreamCutTest : public StreamApiTest,
                      public testing::WithParamInterface<What> {};

INSTANTIATE_TEST_SUITE_P(Each, StreamCutTest,
                         testing::Values(What::kFin, What::kReset, What::kEnd));

TEST_P(StreamCutTest, LosesNothingWhereverAStreamIsCut) {
  // A server whose second is short frees the slot of a lost connection soon.
  for (const bool gzip : {false, true}) {
    Start({.second = absl::Milliseconds(10)}, 1);
    published_.clear();
    handled_.clear();
    client_.gzip = gzip;
    options_.max_uncommitted_events = 5;
    options_.more.commit_timeout = absl::Seconds(1);
    options_.standby_max = absl::Milliseconds(5);
    // A line is about 150 bytes, so these are all over the first ones.
    constexpr int kCuts = 60;
    for (int i = 0; i < kCuts; ++i) {
      server_->Inject({.where = Where::kStream,
                       .what = GetParam(),
                       .after_bytes = static_cast<uint64_t>(i) * 7});
    }
    Publish(200);
    last_.clear();
    duplicates_ = 0;
    const auto stream = Make();
    Follow(*stream);
    EXPECT_GE(server_->seen().streams, static_cast<uint64_t>(kCuts));
    EXPECT_LE(duplicates_, server_->seen().streams * 5);  // (d)
  }
}

TEST_F(StreamApiTest, TellsAnEndFromACut) {
  Publish(2);
  const auto stream = Make();
  Follow(*stream);
  server_->EndStreams();
  Publish(2);
  Follow(*stream);
  ASSERT_EQ(troubles().size(), 1u);
  EXPECT_EQ(GetError(troubles()[0].status).kind, Error::Kind::kStreamEnd);
}

TEST_F(StreamApiTest, NoticesAConnectionThatIsHalfOpen) {
  Publish(6);
  server_->Inject(
      {.where = Where::kStream, .what = What::kStall, .after_bytes = 300});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_EQ(GetError(troubles()[0].status).kind, Error::Kind::kReadTimeout);
  EXPECT_LE(duplicates_, 10u);
}

TEST_F(StreamApiTest, DoesNotCallAgainAndAgainAServerThatEndsAtOnce) {
  Publish(2);
  for (int i = 0; i < 10; ++i) server_->Inject({.what = What::kEndAtOnce});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_GE(troubles().size(), 10u);
  CheckOpenings();
}

TEST_F(StreamApiTest, EndsAStreamThatBringsGarbage) {
  Publish(2);
  for (const char* line : {"<html>\n", "{\"cursor\":{}}\n", "{\"cursor\":\n"}) {
    server_->Inject(
        {.where = Where::kStream, .what = What::kLine, .body = line});
  }
  const auto stream = Make();
  Follow(*stream);
  ASSERT_GE(troubles().size(), 3u);
  EXPECT_EQ(GetError(troubles()[0].status).kind, Error::Kind::kProtocol);
  CheckOpenings();
}

TEST_F(StreamApiTest, PassesOverBlankLines) {
  Publish(2);
  server_->Inject(
      {.where = Where::kStream, .what = What::kLine, .body = "\n\r\n  \n"});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(troubles().empty());
}

TEST_F(StreamApiTest, TakesALineOfTwentyMegabytes) {
  for (const bool gzip : {false, true}) {
    Start({.second = absl::Seconds(1), .chunk_bytes = gzip ? 0u : 1000u}, 1);
    client_.gzip = gzip;
    const std::string event =
        absl::StrCat("{\"x\":\"", std::string(20 << 20, 'y'), "\"}");
    server_->Publish({"shop.order", "0"}, event);
    const auto stream = Make();
    const absl::StatusOr<StreamApi::Batch> batch = stream->NextEvents();
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_EQ(batch->events, absl::StrCat("[", event, "]"));
  }
}

TEST_F(StreamApiTest, GivesUpALineAboveTheLimit) {
  options_.more.max_line_bytes = 100'000;
  Start({.second = kSecond}, 1);
  server_->Inject({.where = Where::kStream,
                   .what = What::kLine,
                   .body = std::string(5 << 20, 'z')});
  Publish(1);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(absl::StrContains(troubles()[0].status.message(),
                                "longer than 100000 bytes"));
}

TEST_F(StreamApiTest, CommitsAgainWhatFailedByTheNetwork) {
  options_.commit_retry = true;
  Start({.second = absl::Seconds(1)});
  for (const Fault& fault :
       {Fault{.where = Where::kCommit, .status = 503},
        Fault{.where = Where::kCommit, .status = 401},
        Fault{.where = Where::kCommit, .what = What::kClose},
        Fault{.where = Where::kCommit, .what = What::kLoseAnswer}}) {
    server_->Inject(fault);
  }
  Publish(2);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(AllCommitted());
  EXPECT_EQ(duplicates_, 0u);
  // libcurl repeats by itself what a kept connection took and never answered.
  EXPECT_GE(stream->commit_counts().errors, 3u);
  // What was done, and not said, is outdated the second time.
  EXPECT_EQ(stream->commit_counts().outdated, 1u);
  EXPECT_EQ(server_->seen().streams, 1u);
}

TEST_F(StreamApiTest, DoesNotCommitAgainUnlessToldTo) {
  Publish(1);
  server_->Inject({.where = Where::kCommit, .status = 503});
  const auto stream = Make();
  const absl::StatusOr<StreamApi::Batch> batch = stream->NextEvents();
  ASSERT_TRUE(batch.ok());
  const absl::Status status = stream->CommitCursor(batch->cursor);
  EXPECT_EQ(GetError(status).http_status, 503);
  EXPECT_EQ(server_->seen().commits, 1u);
  EXPECT_TRUE(stream->CommitCursor(batch->cursor).ok());
}

TEST_F(StreamApiTest, OpensAnotherStreamWhenItsOwnIsDead) {
  options_.commit_later = true;
  Publish(6);
  server_->Inject({.where = Where::kCommit,
                   .status = 422,
                   .body = "{\"detail\":\"Session with stream id x not "
                           "found\"}"});
  options_.more.commit_timeout = absl::Seconds(1);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(
      Eventually([&] { return stream->commit_counts().rejected == 1; }));
  Publish(2);
  Follow(*stream);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  EXPECT_EQ(server_->seen().streams, 2u);
  EXPECT_LE(duplicates_, 10u);
}

TEST_F(StreamApiTest, CommitsPartitionByPartitionIfOneIsAnothers) {
  options_.commit_later = true;
  options_.strategy.every_events = 4;
  options_.max_uncommitted_events = 100;
  Start({.second = absl::Seconds(1)});
  Publish(4);
  server_->Inject({.where = Where::kCommit,
                   .status = 422,
                   .body = "{\"detail\":\"Cursor x cannot be committed with "
                           "stream id y\"}"});
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  EXPECT_EQ(server_->seen().commits, 3u);
}

TEST_F(StreamApiTest, HandlesAgainWhatWasNotCommittedInTime) {
  Publish(3);
  options_.more.commit_timeout = absl::Seconds(1);
  const auto stream = Make();
  const absl::StatusOr<StreamApi::Batch> batch = stream->NextEvents();
  ASSERT_TRUE(batch.ok());
  Handle(*batch);
  const Cursor late = batch->cursor;
  EXPECT_TRUE(Eventually([&] { return server_->OpenSessions(id_) == 0; }));
  const absl::Status status = stream->CommitCursor(late);
  EXPECT_EQ(GetError(status).http_status, 422);
  Follow(*stream);
  EXPECT_GE(duplicates_, 1u);
  EXPECT_LE(duplicates_, 10u);
}

TEST_F(StreamApiTest, SharesASubscriptionWithAnother) {
  Publish(200);
  const auto first = Make();
  const auto second = Make();
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      const absl::StatusOr<StreamApi::Batch> batch = second->NextEvents();
      if (!batch.ok()) return;
      (void)second->CommitCursor(batch->cursor);
    }
  });
  // What the two of them commit is all there is.
  std::thread mine([&] {
    while (!done) {
      const absl::StatusOr<StreamApi::Batch> batch = first->NextEvents();
      if (!batch.ok()) return;
      (void)first->CommitCursor(batch->cursor);
    }
  });
  EXPECT_TRUE(Eventually([&] { return AllCommitted(); }));
  done = true;
  EXPECT_TRUE(first->Close().ok());
  EXPECT_TRUE(second->Close().ok());
  mine.join();
  other.join();
}

TEST_F(StreamApiTest, AsksForItsPartitions) {
  options_.more.partitions = {{"shop.order", "1"}};
  Publish(4);
  const auto stream = Make();
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<StreamApi::Batch> batch = stream->NextEvents();
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_EQ(batch->cursor.partition, "1");
  }
}

TEST_F(StreamApiTest, AlwaysSaysCancelledAfterClose) {
  Publish(2);
  const auto stream = Make();
  ASSERT_TRUE(stream->NextEvents().ok());
  EXPECT_TRUE(stream->Close().ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsCancelled(stream->NextEvents().status()));
    EXPECT_TRUE(absl::IsCancelled(stream->CommitCursor({})));
  }
}

TEST_F(StreamApiTest, ClosesAtOnceWhereverItIs) {
  const auto close = [&](StreamApi& stream, auto ready) {
    absl::Status status;
    std::thread reader([&] { status = stream.NextEvents().status(); });
    EXPECT_TRUE(Eventually(ready));
    const absl::Time begin = absl::Now();
    EXPECT_TRUE(stream.Close(absl::Seconds(1)).ok());
    reader.join();
    EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
    EXPECT_TRUE(absl::IsCancelled(status));
  };
  // Idle, in an opening without answer, and in a wait.
  close(*Make(), [&] { return server_->seen().streams == 1; });
  server_->Inject({.what = What::kHang});
  close(*Make(), [&] { return server_->seen().openings >= 2; });
  server_->Inject({.status = 429, .headers = "Retry-After: 600\r\n"});
  close(*Make(), [&] { return !troubles().empty(); });
}

TEST_F(StreamApiTest, SaysAtOnceThatItsOptionsMakeNoSense) {
  options_.more.commit_timeout = absl::Seconds(61);
  EXPECT_TRUE(absl::IsInvalidArgument(Make()->NextEvents().status()));
  EXPECT_EQ(server_->seen().openings, 0u);
}

TEST_F(StreamApiTest, SaysInItsFlowIdsWhoItIs) {
  client_.flow_id_prefix = "weir-7";
  Publish(1);
  const auto stream = Make();
  Follow(*stream);
  EXPECT_TRUE(absl::StrContains(server_->seen().opening_requests[0],
                                "X-Flow-Id: weir-7-stream-1"));
  EXPECT_TRUE(absl::StrContains(server_->seen().last_commit_request,
                                "X-Flow-Id: weir-7-commit-1"));
}

}  // namespace
}  // namespace weir::nakadi
