// The client over real gRPC, against a server that breaks its contract in every
// way that it is told to.
#include "lib/client/event_client.h"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/client/call_status.h"
#include "lib/client/channel.h"
#include "lib/client/cursor_file.h"
#include "lib/client/event_observer.h"
#include "tests/fakes/fake_client_clock.h"
#include "tests/fakes/fake_client_sleeper.h"
#include "tests/fakes/fake_weir_server.h"
#include "tests/fakes/steady_random.h"
#include "weir/v1/event.pb.h"
#include "weir/v1/subscription.pb.h"

namespace weir {
namespace {

using client::CallStatus;
using client::CursorFile;
using client::EventClient;
using client::EventClientOptions;
using grpc::StatusCode;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using weir::v1::SubscribeResponse;

// Remembers all it is told, and stops the client where the test says.
class Recorder final : public client::EventObserver {
 public:
  void OnEvent(const weir::v1::Event& event) override {
    seqs.push_back(event.seq());
    if (on_event) on_event();
    if (seqs.size() == stop_after_events) client->Stop();
  }
  void OnHello(const Response::Hello&) override { Note("hello"); }
  void OnGap(const Response::Gap& gap) override {
    Note(absl::StrCat("gap of ", gap.missing()));
  }
  void OnCaughtUp(const Response::CaughtUp&) override { Note("caught_up"); }
  void OnHeartbeat(const Response::Heartbeat&) override { Note("heartbeat"); }
  void OnNotice(const Response::Notice& notice) override {
    Note(notice.code());
  }
  void OnCursor(const std::string& cursor) override {
    cursors.push_back(cursor);
  }
  void OnReconnect(const CallStatus& status, absl::Duration) override {
    why.push_back(status.message);
    if (on_reconnect) on_reconnect();
    if (why.size() == stop_after_reconnects) client->Stop();
  }

  EventClient* client = nullptr;
  size_t stop_after_events = 0;
  size_t stop_after_reconnects = 0;
  std::string stop_at_note;
  std::function<void()> on_event;
  std::function<void()> on_reconnect;

  std::vector<uint64_t> seqs;
  std::vector<std::string> cursors;
  std::vector<std::string> notes;
  std::vector<std::string> why;

 private:
  void Note(const std::string& note) {
    notes.push_back(note);
    if (note == stop_at_note) client->Stop();
  }
};

class EventClientTest : public testing::Test {
 protected:
  EventClientTest() { std::remove(path_.c_str()); }

  // A client that starts from the earliest event.
  CallStatus Run(CursorFile* file = nullptr) {
    EventClientOptions options;
    weir::v1::SubscribeRequest request;
    request.mutable_start()->mutable_earliest();
    options.request = request;
    return Run(std::move(options), file);
  }

  CallStatus Run(EventClientOptions options, CursorFile* file = nullptr) {
    client_.emplace(
        std::move(options),
        [this] { return client::OpenChannel(server_.address()); }, recorder_,
        clock_, sleeper_, absl::BitGenRef(random_), file);
    recorder_.client = &*client_;
    return client_->Run();
  }

  void Append(int count) {
    for (int i = 0; i < count; ++i) server_.Append();
  }

  // For how many whole milliseconds the client waited, each time.
  std::vector<int64_t> Waits() const {
    std::vector<int64_t> waits;
    for (const absl::Duration wait : sleeper_.slept()) {
      waits.push_back(
          absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
    }
    return waits;
  }

  const std::string path_ =
      testing::TempDir() +
      testing::UnitTest::GetInstance()->current_test_info()->name();
  FakeWeirServer server_;
  Recorder recorder_;
  SteadyRandom random_;
  FakeClientClock clock_;
  FakeClientSleeper sleeper_;
  std::optional<EventClient> client_;
};

TEST_F(EventClientTest, HandsOverTheReplayAndThenWhatComesLive) {
  Append(3);
  recorder_.stop_after_events = 4;
  // Only a client that is live sees the fourth.
  recorder_.on_event = [this] {
    if (recorder_.seqs.size() == 3) server_.Append();
  };

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(client_->cursor(), "6f1c-4");
  EXPECT_THAT(recorder_.why, IsEmpty());
}

TEST_F(EventClientTest, TellsWhereItIsAfterEachMessage) {
  Append(4);
  server_.Plan({.events_per_message = 2});
  recorder_.stop_at_note = "caught_up";
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(recorder_.seqs, SizeIs(4));
  EXPECT_THAT(recorder_.cursors, ElementsAre("6f1c-2", "6f1c-4"))
      << "after the events, not after hello, nor after Stop";
}

TEST_F(EventClientTest, HandsOverEachEventOnceInOrderWhereverTheStreamIsCut) {
  Append(20);
  for (const int batch : {1, 3}) {
    for (int messages = 1; messages <= 6; ++messages) {
      server_.Plan(
          {.events_per_message = batch, .end_after_messages = messages});
      // A connection that breaks says nothing of weir's.
      server_.Plan({.events_per_message = batch,
                    .end_after_messages = messages,
                    .end = {StatusCode::CANCELLED, "broken"}});
    }
  }
  recorder_.stop_after_events = 20;

  EXPECT_TRUE(Run().ok());

  std::vector<uint64_t> all;
  for (uint64_t seq = 1; seq <= 20; ++seq) all.push_back(seq);
  EXPECT_EQ(recorder_.seqs, all);
  EXPECT_THAT(recorder_.why, SizeIs(Ge(4)));
  EXPECT_EQ(client_->duplicates(), 0);
}

TEST_F(EventClientTest, ResumesAfterTheLastEventThatItHandedOver) {
  Append(5);
  server_.Plan({.end_after_messages = 3});
  recorder_.stop_after_events = 5;

  EXPECT_TRUE(Run().ok());

  ASSERT_THAT(server_.subscribes(), SizeIs(2));
  EXPECT_TRUE(server_.subscribes()[0].start().has_earliest());
  EXPECT_EQ(server_.subscribes()[1].start().after_id(), "6f1c-2");
}

TEST_F(EventClientTest, ResumesFromHelloWhenNothingElseCame) {
  Append(5);
  server_.Plan({.end_after_messages = 1});
  recorder_.stop_at_note = "caught_up";
  EventClientOptions options;
  options.request = weir::v1::SubscribeRequest();
  recorder_.on_reconnect = [this] { server_.Append(); };

  EXPECT_TRUE(Run(options).ok());

  // "latest" twice would have lost the sixth.
  EXPECT_THAT(recorder_.seqs, ElementsAre(6));
}

TEST_F(EventClientTest, DropsAStreamThatRepeatsAMessageAndResumes) {
  Append(5);
  server_.Plan({.repeat_message = 3});
  recorder_.stop_after_events = 5;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(client_->violations(), 1);
  EXPECT_THAT(recorder_.why, ElementsAre(HasSubstr("batch_index 3 where 4")));
  EXPECT_EQ(server_.subscribes()[1].start().after_id(), "6f1c-2");
}

TEST_F(EventClientTest, DropsAStreamThatSkipsAMessageAndFetchesWhatWasInIt) {
  Append(5);
  server_.Plan({.skip_message = 3});
  recorder_.stop_after_events = 5;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(client_->violations(), 1);
  EXPECT_EQ(server_.subscribes()[1].start().after_id(), "6f1c-1");
}

TEST_F(EventClientTest, RejectsEventsThatAServerSendsAgain) {
  Append(6);
  server_.Plan({.end_after_messages = 4});
  server_.Plan({.events_per_message = 4, .resend_events = 2});
  recorder_.stop_after_events = 6;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(client_->duplicates(), 2);
}

TEST_F(EventClientTest, TellsOfGapsNoticesAndHeartbeats) {
  SubscribeResponse::Gap gap;
  gap.set_missing(7);
  SubscribeResponse::Notice notice;
  notice.set_code("CONFIG_RELOADED");
  server_.Plan({.gap = gap, .notice = notice, .only_heartbeats = true});
  recorder_.stop_at_note = "heartbeat";

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.notes,
              ElementsAre("hello", "gap of 7", "CONFIG_RELOADED", "heartbeat"));
}

TEST_F(EventClientTest, GivesUpOnErrorsThatStay) {
  for (const StatusCode code :
       {StatusCode::INVALID_ARGUMENT, StatusCode::OUT_OF_RANGE,
        StatusCode::PERMISSION_DENIED, StatusCode::UNIMPLEMENTED}) {
    server_.Plan({.refuse = FakeWeirServer::Error(code, "no", "SOME_REASON")});

    const CallStatus status = Run();

    EXPECT_EQ(status.code, code);
    EXPECT_EQ(status.message, "no");
    EXPECT_EQ(status.reason, "SOME_REASON");
  }
  EXPECT_THAT(recorder_.why, IsEmpty());
}

TEST_F(EventClientTest, GivesUpOnAnErrorThatStaysInTheMiddleOfAStream) {
  Append(5);
  server_.Plan({.end_after_messages = 3,
                .end = FakeWeirServer::Error(StatusCode::OUT_OF_RANGE, "gone",
                                             "REPLAY_POSITION_EXPIRED")});

  EXPECT_EQ(Run().reason, "REPLAY_POSITION_EXPIRED");

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2));
}

TEST_F(EventClientTest, WaitsAsLongAsTheServerAsks) {
  server_.Plan({.refuse = FakeWeirServer::Error(StatusCode::RESOURCE_EXHAUSTED,
                                                "full", "TOO_MANY_SUBSCRIBERS",
                                                absl::Seconds(4))});
  recorder_.stop_at_note = "caught_up";

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(Waits(), ElementsAre(6000));
}

TEST_F(EventClientTest, WaitsAsLongAsADrainingServerAskedInItsNotice) {
  SubscribeResponse::Notice notice;
  notice.set_code("SERVER_DRAINING");
  notice.mutable_retry_after()->set_seconds(8);
  server_.Plan({.end_after_messages = 2, .notice = notice});
  recorder_.stop_at_note = "caught_up";

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(Waits(), ElementsAre(12000));
}

TEST_F(EventClientTest, WaitsLongerIfTheServerAcceptsAndHangsUp) {
  for (int i = 0; i < 3; ++i) server_.Plan({.end_after_messages = 1});
  recorder_.stop_after_reconnects = 3;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(Waits(), ElementsAre(500, 1000, 2000));
}

TEST_F(EventClientTest, WaitsBrieflyAgainAfterAConnectionThatLasted) {
  Append(2);
  for (int i = 0; i < 2; ++i) server_.Plan({.end_after_messages = 1});
  server_.Plan({.end_after_messages = 2});
  recorder_.on_event = [this] { clock_.Advance(absl::Seconds(11)); };
  recorder_.stop_after_reconnects = 3;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(Waits(), ElementsAre(500, 1000, 500));
}

TEST_F(EventClientTest, DropsAConnectionThatFellSilentAndResumes) {
  Append(3);
  server_.Plan({.silent_after_hello = true,
                .heartbeat_interval = absl::Milliseconds(20)});
  recorder_.stop_after_events = 3;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.why, ElementsAre(HasSubstr("nothing came for 50ms")));
  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3));
}

TEST_F(EventClientTest, DropsAConnectionThatNeverSaysHello) {
  server_.Plan({.no_hello = true});
  EventClientOptions options;
  options.request = weir::v1::SubscribeRequest();
  options.hello_timeout = absl::Milliseconds(50);
  recorder_.stop_after_reconnects = 1;

  EXPECT_TRUE(Run(options).ok());

  EXPECT_THAT(recorder_.why, ElementsAre(HasSubstr("nothing came")));
}

TEST_F(EventClientTest, ConnectsAgainAfterTheServerEndsAHealthyStream) {
  Append(2);
  server_.Plan({.end_after_messages = 2, .end = grpc::Status::OK});
  recorder_.stop_after_events = 2;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2));
}

TEST_F(EventClientTest, EndsAtTheLatestEventWhenAskedTo) {
  Append(2);
  EventClientOptions options;
  weir::v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_stop_at_latest(true);
  options.request = request;

  EXPECT_TRUE(Run(options).ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2));
  EXPECT_THAT(recorder_.why, IsEmpty());
}

TEST_F(EventClientTest, StopsInTheMiddleOfABatchWithTheCursorThere) {
  Append(10);
  server_.Plan({.events_per_message = 10});
  recorder_.stop_after_events = 4;

  EXPECT_TRUE(Run().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(client_->cursor(), "6f1c-4");
}

TEST_F(EventClientTest, StopsFromAnotherThreadWhileItWaitsForEvents) {
  std::thread stopper;
  recorder_.stop_at_note = "never";
  recorder_.on_event = [&] {
    stopper = std::thread([this] { client_->Stop(); });
  };
  Append(1);

  EXPECT_TRUE(Run().ok());

  stopper.join();
}

TEST_F(EventClientTest, ReturnsAtOnceWhenTheFirstConnectionMustWorkAndDoesNot) {
  server_.Plan({.refuse = grpc::Status(StatusCode::UNAVAILABLE, "refused")});
  EventClientOptions options;
  options.request = weir::v1::SubscribeRequest();
  options.first_connect_must_work = true;

  EXPECT_EQ(Run(options).code, StatusCode::UNAVAILABLE);

  EXPECT_THAT(recorder_.why, IsEmpty());
}

TEST_F(EventClientTest, KeepsItsCursorInAFileAcrossItsOwnRestart) {
  Append(6);
  CursorFile file(path_);
  recorder_.stop_after_events = 4;
  EXPECT_TRUE(Run(&file).ok());
  EXPECT_EQ(**file.Load(), "6f1c-4");

  recorder_.stop_after_events = 6;
  EXPECT_TRUE(Run(&file).ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(EventClientTest, MovesTheFileOnlyAfterTheObserverReturned) {
  Append(3);
  CursorFile file(path_);
  std::vector<std::string> in_file;
  recorder_.on_event = [&] { in_file.push_back(**file.Load()); };
  recorder_.stop_after_events = 3;

  EXPECT_TRUE(Run(&file).ok());

  EXPECT_THAT(in_file, ElementsAre("6f1c-0", "6f1c-1", "6f1c-2"));
}

TEST_F(EventClientTest, EndsWhenItCannotKeepItsCursor) {
  Append(3);
  CursorFile file("/nowhere/cursor");

  const CallStatus status = Run(&file);

  EXPECT_EQ(status.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.message, HasSubstr("/nowhere/cursor"));
}

class ConsumingEventClientTest : public EventClientTest {
 protected:
  ConsumingEventClientTest() {
    const auto channel = client::OpenChannel(server_.address());
    weir::v1::CreateSubscriptionRequest create;
    create.set_subscription_id("noc");
    create.mutable_start()->mutable_earliest();
    weir::v1::Subscription subscription;
    grpc::ClientContext context;
    EXPECT_TRUE(weir::v1::SubscriptionService::NewStub(channel)
                    ->CreateSubscription(&context, create, &subscription)
                    .ok());
  }

  CallStatus Consume(bool auto_ack = false) {
    weir::v1::ConsumeRequest request;
    request.set_name("subscriptions/noc");
    request.set_auto_ack(auto_ack);
    EventClientOptions options;
    options.request = request;
    return Run(std::move(options));
  }
};

TEST_F(ConsumingEventClientTest, AcknowledgesWhatTheObserverReturnedFrom) {
  Append(3);
  recorder_.stop_after_events = 3;

  EXPECT_TRUE(Consume().ok());

  EXPECT_THAT(server_.acknowledged(),
              ElementsAre("6f1c-1", "6f1c-2", "6f1c-3"));
}

TEST_F(ConsumingEventClientTest, LeavesAcknowledgingToTheServerWhenToldTo) {
  Append(3);
  recorder_.stop_after_events = 3;

  EXPECT_TRUE(Consume(/*auto_ack=*/true).ok());

  EXPECT_THAT(server_.acknowledged(), IsEmpty());
}

TEST_F(ConsumingEventClientTest, HandsOverEachEventOnceAcrossABrokenStream) {
  Append(6);
  server_.Plan({.end_after_messages = 3});
  server_.Plan({.events_per_message = 2, .resend_events = 1});
  recorder_.stop_after_events = 6;

  EXPECT_TRUE(Consume().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(client_->duplicates(), 1);
}

TEST_F(ConsumingEventClientTest, FollowsASubscriptionThatWasMovedBack) {
  Append(3);
  server_.Plan({.end_after_messages = 4,
                .end = FakeWeirServer::Error(StatusCode::ABORTED, "moved",
                                             "LEASE_LOST")});
  server_.Plan({.resend_events = 3});
  recorder_.stop_after_events = 6;

  EXPECT_TRUE(Consume().ok());

  EXPECT_THAT(recorder_.seqs, ElementsAre(1, 2, 3, 1, 2, 3));
}

TEST_F(ConsumingEventClientTest, WaitsForItsOwnDeadStreamToBeNoticed) {
  Append(2);
  server_.Plan({.end_after_messages = 2});
  server_.Plan({.refuse = FakeWeirServer::Error(StatusCode::FAILED_PRECONDITION,
                                                "busy", "SUBSCRIPTION_BUSY")});
  recorder_.stop_after_events = 2;

  EXPECT_TRUE(Consume().ok());

  EXPECT_THAT(recorder_.why, ElementsAre(HasSubstr("ends it"), "busy"));
}

TEST_F(ConsumingEventClientTest, GivesWayToAnotherConsumerThatTookOver) {
  server_.Plan({.end_after_messages = 1,
                .end = FakeWeirServer::Error(StatusCode::ABORTED, "taken",
                                             "LEASE_LOST")});
  server_.Plan({.refuse = FakeWeirServer::Error(StatusCode::FAILED_PRECONDITION,
                                                "busy", "SUBSCRIPTION_BUSY")});

  EXPECT_EQ(Consume().reason, "SUBSCRIPTION_BUSY");
}

}  // namespace
}  // namespace weir
