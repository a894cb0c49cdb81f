#include "host/source/jetstream_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/nats/jetstream.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// What was read of one message.
struct Got {
  std::string subject, data;
  FrameNote note;
};
// What Read gave, to be completed.
struct Batch {
  std::vector<Got> messages;
  Receipt receipt;
};

// Asks again until it is so; the test's own time limit ends it.
void Until(const std::function<bool()>& ask) {
  while (!ask()) std::this_thread::yield();
}

class JetStreamSourceTest : public ::testing::Test {
 protected:
  JetStreamSourceTest()
      : server_("jetstream {}"), js_(std::in_place_t(), server_) {}

  // Another connection, for after the server was restarted.
  struct Outside : JetStream {
    Outside(std::in_place_t, const NatsServer& server)
        : JetStream(server.url()) {}
  };

  JetStreamOptions Options() const {
    JetStreamOptions options;
    options.server.servers = {server_.url()};
    options.consumer.stream = "ORDERS";
    options.consumer.durable = "weir";
    // Nothing comes again by itself, unless a test says so.
    options.consumer.ack_wait = absl::Hours(1);
    return options;
  }

  static Batch Read(JetStreamSource& source) {
    FrameBatch batch;
    const absl::Status status = source.Read(&batch);
    EXPECT_THAT(status, IsOk());
    Batch result;
    if (!status.ok()) return result;
    EXPECT_EQ(batch.frames.size(), batch.subjects.size());
    EXPECT_EQ(batch.frames.size(), batch.notes.size());
    for (size_t i = 0; i < batch.frames.size(); ++i) {
      result.messages.push_back({std::string(batch.subjects[i]),
                                 std::string(batch.frames[i]), batch.notes[i]});
    }
    result.receipt = std::move(batch.receipt);
    return result;
  }
  // Reads `count` messages, and says of each that handlers are done with it.
  static std::vector<std::string> ReadAll(JetStreamSource& source,
                                          size_t count) {
    std::vector<std::string> all;
    while (all.size() < count) {
      Batch batch = Read(source);
      if (batch.messages.empty()) break;
      for (const Got& got : batch.messages) all.push_back(got.data);
      batch.receipt.Complete(Outcome::kAllProcessed);
    }
    return all;
  }
  static uint64_t Count(const JetStreamSource& source, const char* counter) {
    return source.GetProgress().counters[counter];
  }

  NatsServer server_;
  SystemClock clock_;
  Outside js_;
};

TEST_F(JetStreamSourceTest, AcknowledgesWhatHandlersAreDoneWith) {
  js_.AddStream("ORDERS", "order.>");
  const absl::Time before = absl::Now();
  js_.Publish("order.new", "one");
  js_.Publish("order.paid.eu", std::string("\0\xff", 2));
  js_.Publish("order.new", "");
  JetStreamSource source(Options(), clock_);
  EXPECT_TRUE(source.description().flow_control);
  ASSERT_THAT(source.Connect(), IsOk());
  std::vector<Batch> batches;
  for (int i = 0; i < 3; ++i) batches.push_back(Read(source));
  for (const Batch& batch : batches) {
    ASSERT_THAT(batch.messages, SizeIs(1));
    EXPECT_FALSE(batch.messages[0].note.redelivered);
    const absl::Time stored =
        absl::FromUnixNanos(batch.messages[0].note.time_ns);
    EXPECT_GE(stored, before);
    EXPECT_LE(stored, absl::Now());
  }
  EXPECT_EQ(batches[0].messages[0].subject, "order.new");
  EXPECT_EQ(batches[0].messages[0].data, "one");
  EXPECT_EQ(batches[1].messages[0].subject, "order.paid.eu");
  EXPECT_EQ(batches[1].messages[0].data, std::string("\0\xff", 2));
  EXPECT_EQ(batches[2].messages[0].data, "");
  EXPECT_EQ(js_.Look("ORDERS", "weir").unacked, 3);
  EXPECT_EQ(source.GetProgress().upstream_position, "3");
  EXPECT_EQ(source.GetProgress().committed_position, "");
  EXPECT_EQ(Count(source, "in_flight"), 3u);

  // In whichever order they are done.
  batches[1].receipt.Complete(Outcome::kSomeFailed);
  Until([&] { return js_.Look("ORDERS", "weir").unacked == 2; });
  EXPECT_EQ(js_.Look("ORDERS", "weir").acked, 0u);
  batches[0].receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 2; });
  EXPECT_EQ(source.GetProgress().committed_position, "2");
  batches[2].receipt.Complete(Outcome::kUnwanted);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 3; });
  Until([&] { return Count(source, "in_flight") == 0; });
  EXPECT_EQ(source.GetProgress().commits, 3u);
  EXPECT_EQ(Count(source, "acks"), 3u);
  EXPECT_EQ(Count(source, "naks"), 0u);
}

TEST_F(JetStreamSourceTest, GivesBackWhatAHandlerLostIfToldSo) {
  js_.AddStream("ORDERS", "order.>");
  for (const char* data : {"one", "two"}) js_.Publish("order.new", data);
  JetStreamOptions options = Options();
  options.ack_incomplete = false;
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Batch one = Read(source);
  Batch two = Read(source);
  two.receipt.Complete(Outcome::kAllProcessed);
  for (int time = 0; time < 2; ++time) {
    one.receipt = Receipt();  // Nobody completed it.
    one = Read(source);
    ASSERT_THAT(one.messages, SizeIs(1));
    EXPECT_EQ(one.messages[0].data, "one");
    EXPECT_TRUE(one.messages[0].note.redelivered);
  }
  one.receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 2; });
  EXPECT_EQ(Count(source, "naks"), 2u);
  EXPECT_EQ(Count(source, "redelivered"), 2u);
}

TEST_F(JetStreamSourceTest, AcknowledgesWhatAHandlerLostOtherwise) {
  js_.AddStream("ORDERS", "order.>");
  js_.Publish("order.new", "one");
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Read(source).receipt.Complete(Outcome::kSomeLost);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 1; });
  EXPECT_EQ(Count(source, "naks"), 0u);
}

// The queues are thrown away at the end of a host: nobody saw those.
TEST_F(JetStreamSourceTest, GivesBackWhatIsLostAtTheEnd) {
  js_.AddStream("ORDERS", "order.>");
  js_.Publish("order.new", "one");
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Batch one = Read(source);
  source.Interrupt();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  one.receipt.Complete(Outcome::kSomeLost);
  Until([&] { return Count(source, "naks") == 1; });
  JetStreamSource other(Options(), clock_);
  ASSERT_THAT(other.Connect(), IsOk());
  EXPECT_THAT(ReadAll(other, 1), ElementsAre("one"));
}

TEST_F(JetStreamSourceTest, GivesBackWhatCameAndWasNotReadWhenItEnds) {
  js_.AddStream("ORDERS", "order.>");
  for (int i = 0; i < 10; ++i) js_.Publish("order.new", absl::StrCat(i));
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("0"));
  Until([&] { return js_.Look("ORDERS", "weir").delivered == 10; });
  // All of them have come, and wait to be read, at the second message's turn.
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("1"));
  source.Interrupt();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  JetStreamSource other(Options(), clock_);
  ASSERT_THAT(other.Connect(), IsOk());
  EXPECT_THAT(ReadAll(other, 8), SizeIs(8));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 10; });
}

TEST_F(JetStreamSourceTest, WhatIsInHandIsNotGivenToAnotherHoweverLong) {
  js_.AddStream("ORDERS", "order.>");
  js_.Publish("order.new", "one");
  js_.Publish("order.new", "two");
  JetStreamOptions options = Options();
  options.consumer.ack_wait = absl::Milliseconds(600);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  // The first is with a handler; the second waits to be read.
  Batch one = Read(source);
  Until([&] { return js_.Look("ORDERS", "weir").delivered == 2; });
  JetStreamSource other(options, clock_);
  ASSERT_THAT(other.Connect(), IsOk());
  // Three of each are twice ack_wait and more.
  Until([&] { return Count(source, "in_progress") >= 2 * 7; });
  EXPECT_EQ(js_.Look("ORDERS", "weir").delivered, 2u);
  one.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("two"));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 2; });
  EXPECT_EQ(js_.Look("ORDERS", "weir").delivered, 2u);
}

TEST_F(JetStreamSourceTest, TwoShareAStreamAndTheOtherTakesOverFromTheDead) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamOptions options = Options();
  options.consumer.ack_wait = absl::Seconds(1);
  auto first = std::make_unique<JetStreamSource>(options, clock_);
  JetStreamSource second(options, clock_);
  ASSERT_THAT(first->Connect(), IsOk());
  ASSERT_THAT(second.Connect(), IsOk());
  // Both ask before there is anything, and are given it by turns.
  Batch of_first;
  std::thread reader([&] { of_first = Read(*first); });
  std::multiset<std::string> of_second;
  std::thread other([&] {
    for (const std::string& data : ReadAll(second, 5)) of_second.insert(data);
  });
  Until([&] { return js_.Look("ORDERS", "weir").requests == 2; });
  for (int i = 0; i < 10; ++i) js_.Publish("order.new", absl::StrCat(i));
  reader.join();
  other.join();
  // The first dies: nothing that it has is acknowledged or given back.
  first = nullptr;
  of_first.receipt.Complete(Outcome::kAllProcessed);
  for (const std::string& data : ReadAll(second, 5)) of_second.insert(data);
  EXPECT_THAT(of_second,
              ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 10; });
}

TEST_F(JetStreamSourceTest, WhatComesAgainWhileItIsInHandIsHandedOutOnce) {
  js_.AddStream("ORDERS", "order.>");
  js_.Publish("order.new", "one");
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Batch one = Read(source);
  ASSERT_THAT(one.messages, SizeIs(1));
  // Somebody else says that it is not wanted.
  js_.Say(absl::StrCat("$JS.ACK.ORDERS.weir.1.1.1.",
                       one.messages[0].note.time_ns, ".0"),
          "-NAK");
  Until([&] { return js_.Look("ORDERS", "weir").redelivered == 1; });
  js_.Publish("order.new", "two");
  Batch two = Read(source);
  ASSERT_THAT(two.messages, SizeIs(1));
  EXPECT_EQ(two.messages[0].data, "two");
  EXPECT_EQ(Count(source, "still_in_hand"), 1u);
  one.receipt.Complete(Outcome::kAllProcessed);
  two.receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 2; });
}

TEST_F(JetStreamSourceTest, WhatComesTwiceAtOnceIsHandedOutOnce) {
  js_.AddStream("ORDERS", "order.>");
  js_.Publish("order.new", "one");
  JetStreamOptions options = Options();
  options.batch_messages = 10;
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  Batch one = Read(source);
  ASSERT_THAT(one.messages, SizeIs(1));
  // The second comes, and again before it is read.
  js_.Publish("order.new", "two");
  Until([&] { return js_.Look("ORDERS", "weir").delivered == 2; });
  js_.Say("$JS.ACK.ORDERS.weir.1.2.2.1.0", "-NAK");
  Until([&] { return js_.Look("ORDERS", "weir").redelivered == 1; });
  js_.Publish("order.new", "three");
  Until([&] { return js_.Look("ORDERS", "weir").delivered == 4; });
  // However many of them each Read gives.
  std::vector<Batch> held;
  std::vector<std::string> rest;
  while (rest.empty() || rest.back() != "three") {
    held.push_back(Read(source));
    for (const Got& got : held.back().messages) rest.push_back(got.data);
  }
  EXPECT_THAT(rest, ElementsAre("two", "three"));
  EXPECT_EQ(Count(source, "still_in_hand"), 1u);
  one.receipt.Complete(Outcome::kAllProcessed);
  for (Batch& batch : held) batch.receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 3; });
  EXPECT_EQ(Count(source, "acks"), 3u);
}

TEST_F(JetStreamSourceTest, NoMoreThanMaxAckPendingAreWithHandlers) {
  js_.AddStream("ORDERS", "order.>");
  for (int i = 0; i < 20; ++i) js_.Publish("order.new", absl::StrCat(i));
  JetStreamOptions options = Options();
  options.consumer.max_ack_pending = 5;
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  std::vector<Batch> held;
  for (int i = 0; i < 5; ++i) held.push_back(Read(source));
  EXPECT_EQ(js_.Look("ORDERS", "weir").unacked, 5);
  std::vector<std::string> rest;
  std::thread reader([&] { rest = ReadAll(source, 15); });
  Until([&] { return Count(source, "pulls") > 1; });
  EXPECT_EQ(js_.Look("ORDERS", "weir").delivered, 5u);
  for (Batch& batch : held) batch.receipt.Complete(Outcome::kAllProcessed);
  reader.join();
  EXPECT_THAT(rest, SizeIs(15));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 20; });
}

TEST_F(JetStreamSourceTest, ARestartOfTheServerLosesNothing) {
  js_.AddStream("ORDERS", "order.>");
  for (int i = 0; i < 6; ++i) js_.Publish("order.new", absl::StrCat(i));
  JetStreamOptions options = Options();
  // What is said to a server in its last moment, it may not hear.
  options.consumer.ack_wait = absl::Seconds(1);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  std::set<std::string> all;
  const auto read = [&] {
    absl::Status status;
    while (status.ok()) {
      FrameBatch batch;
      status = source.Read(&batch);
      for (const absl::string_view data : batch.frames) all.emplace(data);
      batch.receipt.Complete(Outcome::kAllProcessed);
    }
    return status;
  };
  Batch held = Read(source);
  server_.Kill();
  const absl::Status end = read();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
  EXPECT_EQ(GetSourceError(source.Connect()).kind, SourceError::kConnect);
  // Done while there is nobody to tell.
  all.insert(held.messages[0].data);
  held.receipt.Complete(Outcome::kAllProcessed);
  server_.Start();
  ASSERT_THAT(source.Connect(), IsOk());
  Outside js(std::in_place_t(), server_);
  for (int i = 6; i < 9; ++i) js.Publish("order.new", absl::StrCat(i));
  std::thread reader([&] { read().IgnoreError(); });
  Until([&] { return js.Look("ORDERS", "weir").acked == 9; });
  source.Interrupt();
  reader.join();
  EXPECT_THAT(all, ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8"));
}

TEST_F(JetStreamSourceTest, EndsForGoodWhatIsTooLong) {
  js_.AddStream("ORDERS", "order.>");
  for (const char* data : {"abc", "abcd", "ab"}) js_.Publish("order.new", data);
  JetStreamOptions options = Options();
  options.max_payload_bytes = 3;
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, 2), ElementsAre("abc", "ab"));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 3; });
  EXPECT_EQ(source.GetProgress().skipped_by_reason["too_long"], 1u);
}

TEST_F(JetStreamSourceTest, CompletesAsManyTogetherAsItIsTold) {
  js_.AddStream("ORDERS", "order.>");
  for (int i = 0; i < 100; ++i) js_.Publish("order.new", absl::StrCat(i));
  JetStreamOptions options = Options();
  options.batch_messages = 7;
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  size_t count = 0;
  while (count < 100) {
    Batch batch = Read(source);
    EXPECT_LE(batch.messages.size(), 7u);
    count += batch.messages.size();
    batch.receipt.Complete(Outcome::kAllProcessed);
  }
  Until([&] { return js_.Look("ORDERS", "weir").acked == 100; });
}

TEST_F(JetStreamSourceTest, ReadsOnlyWhatItsFilterSays) {
  js_.AddStream("ORDERS", "order.>");
  for (const char* subject : {"order.a", "order.b", "order.a.x", "order.b"}) {
    js_.Publish(subject, subject);
  }
  JetStreamOptions options = Options();
  options.consumer.filter_subject = "order.b";
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, 2), ElementsAre("order.b", "order.b"));
  options.consumer.filter_subject = "other.b";
  options.consumer.durable = "weir2";
  JetStreamSource wrong(options, clock_);
  const absl::Status status = wrong.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kUpstream);
  EXPECT_THAT(std::string(status.message()), HasSubstr("filter_subject"));
}

TEST_F(JetStreamSourceTest, AStreamThatIsNotThereMayCome) {
  JetStreamSource source(Options(), clock_);
  const absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kUpstream);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("stream not found: \"ORDERS\"; make it"));
  js_.AddStream("ORDERS", "order.>");
  EXPECT_THAT(source.Connect(), IsOk());
}

TEST_F(JetStreamSourceTest, AConsumerThatIsAnotherIsNamedWithItsDifferences) {
  js_.AddStream("ORDERS", "order.>");
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = "weir";
  config.AckPolicy = js_AckExplicit;
  config.AckWait = absl::ToInt64Nanoseconds(absl::Seconds(7));
  config.MaxAckPending = 12;
  config.FilterSubject = "order.b";
  js_.AddConsumer("ORDERS", &config);
  JetStreamOptions options = Options();
  options.consumer.max_ack_pending = 12;
  JetStreamSource source(options, clock_);
  const absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kUpstream);
  EXPECT_EQ(status.message(),
            "consumer \"weir\" of stream \"ORDERS\" is there and is another: "
            "filter_subject is \"order.b\", and the configuration says none, "
            "the whole stream; ack_wait is 7s, and the configuration says 1h. "
            "Change the configuration, or the consumer (nats consumer edit), "
            "or take another `durable`");
  options.consumer.filter_subject = "order.b";
  options.consumer.ack_wait = absl::Seconds(7);
  JetStreamSource fits(options, clock_);
  EXPECT_THAT(fits.Connect(), IsOk());
}

// Debian's server answers nothing to a request for messages of a consumer that
// is gone.
TEST_F(JetStreamSourceTest, AConsumerThatGoesAwayIsMissed) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamOptions options = Options();
  options.heartbeat = absl::Milliseconds(100);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  absl::Status status;
  std::thread reader([&] {
    FrameBatch batch;
    status = source.Read(&batch);
  });
  Until([&] { return Count(source, "pulls") > 0; });
  js_.DeleteConsumer("ORDERS", "weir");
  reader.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"weir\""));
  ASSERT_THAT(source.Connect(), IsOk());
  js_.Publish("order.new", "one");
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("one"));
}

// What is acknowledged to the server before it was read would be lost with this
// host.
TEST_F(JetStreamSourceTest, WhatIsDoneOfAStreamIsNotOfTheOneThatIsMadeAnew) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamOptions options = Options();
  options.heartbeat = absl::Milliseconds(100);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  for (const char* data : {"old 1", "old 2"}) js_.Publish("order.new", data);
  std::vector<Batch> old;
  for (int i = 0; i < 2; ++i) old.push_back(Read(source));
  js_.DeleteStream("ORDERS");
  js_.AddStream("ORDERS", "order.>");
  for (const char* data : {"new 1", "new 2"}) js_.Publish("order.new", data);
  FrameBatch none;
  EXPECT_FALSE(source.Read(&none).ok());
  ASSERT_THAT(source.Connect(), IsOk());
  Batch one = Read(source);
  ASSERT_THAT(one.messages, SizeIs(1));
  EXPECT_EQ(one.messages[0].data, "new 1");
  Until([&] { return js_.Look("ORDERS", "weir").delivered == 2; });
  // The second has come and waits to be read.
  for (Batch& batch : old) batch.receipt.Complete(Outcome::kAllProcessed);
  one.receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked >= 1; });
  EXPECT_EQ(js_.Look("ORDERS", "weir").acked, 1u);
  EXPECT_EQ(js_.Look("ORDERS", "weir").unacked, 1);
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("new 2"));
  Until([&] { return js_.Look("ORDERS", "weir").acked == 2; });
  Until([&] { return Count(source, "in_flight") == 0; });
}

TEST_F(JetStreamSourceTest, WhatIsInHandStaysSoIfTheConsumerAloneIsMadeAnew) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamOptions options = Options();
  options.heartbeat = absl::Milliseconds(100);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  for (const char* data : {"one", "two"}) js_.Publish("order.new", data);
  std::vector<Batch> held;
  for (int i = 0; i < 2; ++i) held.push_back(Read(source));
  js_.DeleteConsumer("ORDERS", "weir");
  FrameBatch none;
  EXPECT_FALSE(source.Read(&none).ok());
  ASSERT_THAT(source.Connect(), IsOk());
  js_.Publish("order.new", "three");
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("three"));
  EXPECT_EQ(Count(source, "still_in_hand"), 2u);
  for (Batch& batch : held) batch.receipt.Complete(Outcome::kAllProcessed);
  Until([&] { return js_.Look("ORDERS", "weir").acked == 3; });
  Until([&] { return Count(source, "in_flight") == 0; });
}

// An operator may have made the consumer, with limits of its own.
TEST_F(JetStreamSourceTest, AsksForNoMoreThanTheConsumerAllows) {
  js_.AddStream("ORDERS", "order.>");
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = "weir";
  config.AckPolicy = js_AckExplicit;
  config.AckWait = absl::ToInt64Nanoseconds(Options().consumer.ack_wait);
  config.MaxAckPending = Options().consumer.max_ack_pending;
  config.MaxRequestBatch = 3;
  config.MaxRequestExpires = absl::ToInt64Nanoseconds(absl::Seconds(1));
  js_.AddConsumer("ORDERS", &config);
  for (int i = 0; i < 10; ++i) js_.Publish("order.new", absl::StrCat(i));
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, 10), SizeIs(10));
}

// A request is over after `pull_expiry`, and another follows it.
TEST_F(JetStreamSourceTest, AsksAgainWhenARequestIsOver) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamOptions options = Options();
  options.pull_expiry = absl::Milliseconds(300);
  options.heartbeat = absl::Milliseconds(100);
  JetStreamSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  std::vector<std::string> got;
  std::thread reader([&] { got = ReadAll(source, 1); });
  Until([&] { return Count(source, "pulls") >= 3; });
  js_.Publish("order.new", "one");
  reader.join();
  EXPECT_THAT(got, ElementsAre("one"));
}

TEST_F(JetStreamSourceTest, InterruptEndsARead) {
  js_.AddStream("ORDERS", "order.>");
  JetStreamSource source(Options(), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  std::thread interrupter([&] { source.Interrupt(); });
  FrameBatch batch;
  EXPECT_EQ(source.Read(&batch).code(), absl::StatusCode::kCancelled);
  interrupter.join();
  EXPECT_EQ(source.Connect().code(), absl::StatusCode::kCancelled);
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  js_.Publish("order.new", "one");
  EXPECT_THAT(ReadAll(source, 1), ElementsAre("one"));
}

JetStreamOptions OptionsFor(const std::string& url) {
  JetStreamOptions options;
  options.server.servers = {url};
  options.consumer.stream = "ORDERS";
  options.consumer.durable = "weir";
  return options;
}

TEST(JetStreamSourceErrors, JetStreamThatIsOffIsToldWithItsCure) {
  const NatsServer server;
  const SystemClock clock;
  JetStreamSource source(OptionsFor(server.url()), clock);
  const absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kUpstream);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("JetStream is off there; start nats-server with"));
}

TEST(JetStreamSourceErrors, WhatTheUserMayNotDoIsFinalAndNamed) {
  const NatsServer server(
      "jetstream {}\n"
      "authorization { users = [ {user: all, password: p},"
      " {user: u, password: p, permissions: {"
      "   subscribe: \"_INBOX.>\","
      "   publish: [\"$JS.API.CONSUMER.*.ORDERS.weir\","
      "             \"$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.weir\"]}},"
      " {user: none, password: p, permissions: {"
      "   subscribe: \"_INBOX.>\", publish: \"a\"}} ] }");
  const SystemClock clock;
  JetStream js(absl::StrCat("nats://all:p@127.0.0.1:", server.port()));
  js.AddStream("ORDERS", "order.>");
  // One may not even ask for the consumer, the other not for messages.
  for (const char* user : {"none", "u"}) {
    JetStreamOptions options = OptionsFor(
        absl::StrCat("nats://", user, ":p@127.0.0.1:", server.port()));
    options.heartbeat = absl::Milliseconds(100);
    JetStreamSource source(options, clock);
    absl::Status status = source.Connect();
    if (status.ok()) {
      FrameBatch batch;
      status = source.Read(&batch);
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("$JS.API.CONSUMER.MSG.NEXT.ORDERS.weir"));
  }
}

}  // namespace
}  // namespace weir
