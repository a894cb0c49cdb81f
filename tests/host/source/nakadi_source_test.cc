#include "host/source/nakadi_source.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/nakadi/fake_nakadi.h"

namespace weir {
namespace {

using fake_nakadi::FakeNakadi;
using fake_nakadi::Fault;
using What = Fault::What;
using Where = Fault::Where;

constexpr absl::Duration kPatience = absl::Seconds(30);

class NakadiSourceTest : public testing::Test {
 protected:
  NakadiSourceTest() : server_({.second = absl::Milliseconds(100)}) {
    server_.AddEventType("shop.order", 2);
    id_ = server_.AddSubscription({.owning_application = "shop",
                                   .consumer_group = "default",
                                   .read_from = "begin",
                                   .event_types = {"shop.order"}});
    options_.id = "orders";
    options_.client.url = server_.url();
    options_.subscription_id = id_;
    options_.stream.batch_flush_timeout = absl::Seconds(1);
    options_.stream.commit_timeout = absl::Seconds(5);
  }

  void Publish(const std::string& partition, int from, int count) {
    for (int i = from; i < from + count; ++i) {
      server_.Publish({"shop.order", partition},
                      absl::StrCat("{\"n\":", i, "}"));
    }
  }

  std::unique_ptr<NakadiSource> Make() {
    return std::make_unique<NakadiSource>(options_, clock_);
  }

  // Reads until there are `count` frames; their receipts are in receipts_.
  void Read(NakadiSource& source, size_t count) {
    while (frames_.size() < count) {
      FrameBatch batch;
      const absl::Status status = source.Read(&batch);
      ASSERT_TRUE(status.ok()) << status;
      for (const auto frame : batch.frames) frames_.emplace_back(frame);
      receipts_.push_back(std::move(batch.receipt));
    }
  }

  void Complete(Outcome outcome = Outcome::kAllProcessed) {
    for (Receipt& receipt : receipts_) receipt.Complete(outcome);
    receipts_.clear();
  }

  uint64_t Committed(const std::string& partition) const {
    return server_.Committed(id_, {"shop.order", partition});
  }

  template <typename F>
  static bool Eventually(F condition) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!condition()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  FakeNakadi server_;
  SystemClock clock_;
  std::string id_;
  NakadiOptions options_;
  std::vector<std::string> frames_;
  std::vector<Receipt> receipts_;
};

TEST_F(NakadiSourceTest, CommitsWhatHandlersAreDoneWith) {
  Publish("0", 0, 3);
  Publish("1", 0, 2);
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 5);
  EXPECT_EQ(source->GetProgress().counters.at("window_used"), 5u);
  EXPECT_EQ(server_.seen().commits, 0u);
  Complete();
  EXPECT_TRUE(Eventually([&] { return Committed("0") == 3; }));
  EXPECT_TRUE(Eventually([&] { return Committed("1") == 2; }));
  EXPECT_TRUE(Eventually(
      [&] { return source->GetProgress().counters.at("window_used") == 0; }));
  const Source::Progress progress = source->GetProgress();
  EXPECT_EQ(progress.counters.at("events"), 5u);
  EXPECT_GE(progress.commits, 1u);
  EXPECT_EQ(progress.commit_errors, 0u);
  EXPECT_TRUE(absl::StrContains(progress.committed_position,
                                "shop.order/0=001-0001-000000000000000002"));
  EXPECT_EQ(progress.details.at("subscription"), id_);
  EXPECT_FALSE(progress.details.at("stream_id").empty());
  EXPECT_EQ(progress.details.at("info"), "Stream started");
}

TEST_F(NakadiSourceTest, DoesNotCommitWhatIsThrownAwayAtTheEnd) {
  Publish("0", 0, 3);
  auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  source->Interrupt();
  Complete(Outcome::kSomeLost);
  FrameBatch batch;
  EXPECT_TRUE(absl::IsCancelled(source->Read(&batch)));
  // It commits before it ends what there is to commit.
  source.reset();
  EXPECT_EQ(server_.seen().commits, 0u);
}

TEST_F(NakadiSourceTest, CommitsAfterItsStreamHasEnded) {
  Publish("0", 0, 3);
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  source->Interrupt();
  FrameBatch batch;
  EXPECT_TRUE(absl::IsCancelled(source->Read(&batch)));
  Complete();
  EXPECT_TRUE(Eventually([&] { return Committed("0") == 3; }));
}

TEST_F(NakadiSourceTest, ReadsAgainWhatAHandlerLostIfToldTo) {
  options_.commit_incomplete = false;
  Publish("0", 0, 3);
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  Complete(Outcome::kSomeLost);
  FrameBatch batch;
  const absl::Status status = source->Read(&batch);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "commit_incomplete"));
  frames_.clear();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  EXPECT_EQ(source->GetProgress().counters.at("suspected_duplicates"), 3u);
}

TEST_F(NakadiSourceTest, CommitsWhatAHandlerLostOtherwise) {
  Publish("0", 0, 3);
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  Complete(Outcome::kSomeLost);
  EXPECT_TRUE(Eventually([&] { return Committed("0") == 3; }));
}

TEST_F(NakadiSourceTest, TellsHowAStreamEnded) {
  const auto end_of = [&](NakadiSource& source) {
    FrameBatch batch;
    absl::Status status;
    while ((status = source.Read(&batch)).ok()) batch = {};
    EXPECT_TRUE(absl::IsUnavailable(status));
    return status;
  };
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Publish("0", 0, 1);
  EXPECT_TRUE(Eventually([&] { return server_.seen().streams == 1; }));
  server_.CloseStreams("Stream timeout reached");
  absl::Status status = end_of(*source);
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kEndOfStream);
  EXPECT_TRUE(absl::StrContains(status.message(), "Stream timeout reached"));
  server_.Inject(
      {.where = Where::kStream, .what = What::kFin, .after_bytes = 20});
  ASSERT_TRUE(Eventually([&] { return source->Connect().ok(); }));
  EXPECT_EQ(GetSourceError(end_of(*source)).kind, SourceError::kConnectionLost);
  const auto counters = source->GetProgress().counters;
  EXPECT_EQ(counters.at("streams_ended_end_of_stream"), 1u);
  EXPECT_EQ(counters.at("streams_lost_connection_lost"), 1u);
}

TEST_F(NakadiSourceTest, SaysWhatToDoAboutAnOpening) {
  const auto source = Make();
  const auto error_of = [&](int status, const std::string& headers = "") {
    server_.Inject({.status = status,
                    .body = "{\"detail\":\"because\"}",
                    .headers = headers});
    return source->Connect();
  };
  for (const int status : {400, 403, 404, 412, 422}) {
    const absl::Status error = error_of(status);
    EXPECT_FALSE(absl::IsUnavailable(error)) << error;
    EXPECT_EQ(GetSourceError(error).http_status, status);
    EXPECT_TRUE(absl::StrContains(error.message(), "because"));
    EXPECT_TRUE(absl::StrContains(error.message(), "fake-flow-id"));
  }
  for (const int status : {401, 409, 429, 500, 503}) {
    EXPECT_TRUE(absl::IsUnavailable(error_of(status)));
  }
  EXPECT_EQ(GetSourceError(error_of(403)).kind, SourceError::kAuth);
  EXPECT_EQ(GetSourceError(error_of(401)).kind, SourceError::kAuth);
  EXPECT_EQ(GetSourceError(error_of(503)).at_least, absl::ZeroDuration());
  EXPECT_EQ(GetSourceError(error_of(429, "Retry-After: 7\r\n")).at_least,
            absl::Seconds(7));
  // The second and the third in a row.
  EXPECT_EQ(GetSourceError(error_of(409)).at_least, absl::Seconds(2));
  EXPECT_EQ(GetSourceError(error_of(409)).at_least, absl::Seconds(4));
  EXPECT_EQ(source->GetProgress().counters.at("openings_failed_409"), 3u);
}

TEST_F(NakadiSourceTest, FindsItsSubscription) {
  options_.subscription_id.clear();
  options_.subscription = {.owning_application = "shop",
                           .event_types = {"shop.order"}};
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  EXPECT_EQ(source->GetProgress().details.at("subscription"), id_);
  Publish("0", 0, 1);
  Read(*source, 1);
  Complete();
  EXPECT_TRUE(Eventually([&] { return Committed("0") == 1; }));
  options_.subscription.event_types = {"no.such"};
  const absl::Status status = Make()->Connect();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "not found: 'no.such'"));
}

TEST_F(NakadiSourceTest, DeliversWhatCameBeforeGarbage) {
  server_.Inject({.where = Where::kStream,
                  .what = What::kLine,
                  .body = "{\"cursor\":{\"partition\":\"0\",\"offset\":\"x\","
                          "\"event_type\":\"shop.order\",\"cursor_token\":"
                          "\"k\"},\"events\":[1]}\nnonsense\n"});
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 1);
  FrameBatch batch;
  const absl::Status status = source->Read(&batch);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kProtocol);
}

TEST_F(NakadiSourceTest, StopsAtOnce) {
  const auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  absl::Status status;
  std::thread reader([&] {
    FrameBatch batch;
    status = source->Read(&batch);
  });
  source->Interrupt();
  reader.join();
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_TRUE(absl::IsCancelled(source->Connect()));
  source->Rearm();
  EXPECT_TRUE(Eventually([&] { return source->Connect().ok(); }));
}

TEST_F(NakadiSourceTest, OutlivesItsReceiptsAndTheyIt) {
  Publish("0", 0, 3);
  auto source = Make();
  ASSERT_TRUE(source->Connect().ok());
  Read(*source, 3);
  source.reset();
  Complete();
}

}  // namespace
}  // namespace weir
