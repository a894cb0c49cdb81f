#include "host/sink/jetstream_delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/fakes/nats/jetstream.h"
#include "tests/fakes/nats/nats_server.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Outcome = Delivery::Outcome;

v1::Event EventOf(int seq, const std::string& type = "a.b") {
  v1::Event event;
  event.set_id(absl::StrCat("7k2mq9xv-", seq));
  event.set_type(type);
  event.set_source("plugins/x");
  event.set_json(R"({"n":1})");
  return event;
}

class JetStreamDeliveryTest : public ::testing::Test {
 protected:
  void Start(const std::string& config = "jetstream {}",
             const std::string& user = "", const std::string& admin = "") {
    server_ = std::make_unique<NatsServer>(config);
    if (config.find("jetstream") != config.npos) {
      js_ = std::make_unique<JetStream>(UrlOf(admin));
    }
    JetStreamDeliveryOptions options;
    options.server.servers = {UrlOf(user)};
    options.subject = {.pattern = "weir.{node_id}.{type}", .node_id = "n1"};
    options.answer_timeout = answer_timeout_;
    delivery_ = std::make_unique<JetStreamDelivery>(std::move(options));
  }
  std::string UrlOf(const std::string& user) const {
    return user.empty()
               ? server_->url()
               : absl::StrCat("nats://", user, "@127.0.0.1:", server_->port());
  }
  Delivery::Result Deliver(const std::vector<v1::Event>& events) {
    std::vector<const v1::Event*> pointers;
    for (const v1::Event& event : events) pointers.push_back(&event);
    return delivery_->Deliver(pointers);
  }

  absl::Duration answer_timeout_ = absl::Seconds(60);
  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<JetStream> js_;
  std::unique_ptr<JetStreamDelivery> delivery_;
};

TEST_F(JetStreamDeliveryTest, StoresEventsInTheirOrderAndOnce) {
  Start();
  js_->AddStream("OUT", "weir.>");
  std::vector<v1::Event> events;
  uint64_t bytes = 0;
  for (int i = 0; i < 256; ++i) events.push_back(EventOf(i, "c"));
  Delivery::Result result = Deliver(events);
  EXPECT_THAT(result.outcomes, SizeIs(256));
  EXPECT_THAT(result.outcomes, Each(Outcome::kDelivered));
  EXPECT_TRUE(result.error.ok()) << result.error;
  // What is not known to be stored is published again.
  events.push_back(EventOf(256, "c"));
  EXPECT_THAT(Deliver(events).outcomes, Each(Outcome::kDelivered));
  const std::vector<JetStream::Stored> stored = js_->Read("OUT");
  ASSERT_EQ(stored.size(), 257u);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(stored[i].id, absl::StrCat("7k2mq9xv-", i));
    EXPECT_EQ(stored[i].subject, "weir.n1.c");
    if (i < 256) bytes += stored[i].data.size();
  }
  EXPECT_EQ(stored[7].data,
            R"({"id":"7k2mq9xv-7","type":"c","source":"plugins/x",)"
            R"("data":{"n":1}})");
  EXPECT_EQ(result.bytes, bytes);
}

TEST_F(JetStreamDeliveryTest, FailsWithoutAStreamAndSaysWhatHelps) {
  Start();
  js_->AddStream("OUT", "weir.n1.a.>");
  Delivery::Result result = Deliver({EventOf(1), EventOf(2, "c"), EventOf(3)});
  EXPECT_THAT(
      result.outcomes,
      ElementsAre(Outcome::kDelivered, Outcome::kFailed, Outcome::kDelivered));
  EXPECT_THAT(std::string(result.error.message()),
              HasSubstr("no stream keeps \"weir.n1.c\""));
  js_->AddStream("MORE", "weir.n1.c");
  EXPECT_THAT(Deliver({EventOf(2, "c")}).outcomes,
              ElementsAre(Outcome::kDelivered));
}

TEST_F(JetStreamDeliveryTest, FailsWhereJetStreamIsOff) {
  Start("");
  const Delivery::Result result = Deliver({EventOf(1)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(std::string(result.error.message()),
              HasSubstr("JetStream is off"));
}

TEST_F(JetStreamDeliveryTest, WaitsWhileAStreamIsFull) {
  Start();
  js_->AddStream("OUT", "weir.>", /*max_messages=*/2);
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2), EventOf(3)});
  EXPECT_THAT(
      result.outcomes,
      ElementsAre(Outcome::kDelivered, Outcome::kDelivered, Outcome::kFailed));
  EXPECT_THAT(std::string(result.error.message()),
              HasSubstr("maximum messages exceeded"));
  js_->Purge("OUT");
  EXPECT_THAT(Deliver({EventOf(3)}).outcomes, ElementsAre(Outcome::kDelivered));
}

TEST_F(JetStreamDeliveryTest, RejectsWhatCanNeverBeStored) {
  Start();
  js_->AddStream("OUT", "weir.>", 0, /*max_message_bytes=*/200);
  v1::Event large = EventOf(1);
  large.set_json(absl::StrCat("\"", std::string(200, 'x'), "\""));
  v1::Event huge = EventOf(2);
  huge.set_json(absl::StrCat("\"", std::string(1 << 20, 'x'), "\""));
  const Delivery::Result result =
      Deliver({large, huge, EventOf(3, "a..b"), EventOf(4)});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kRejected, Outcome::kRejected,
                          Outcome::kRejected, Outcome::kDelivered));
  EXPECT_THAT(std::string(result.error.message()), HasSubstr("max_msg_size"));
}

TEST_F(JetStreamDeliveryTest, DeliversAgainWhenTheServerIsBack) {
  Start();
  js_->AddStream("OUT", "weir.>");
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kDelivered));
  server_->Kill();
  EXPECT_THAT(Deliver({EventOf(2)}).outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(Deliver({EventOf(2)}).outcomes, ElementsAre(Outcome::kFailed));
  server_->Start();
  EXPECT_THAT(Deliver({EventOf(1), EventOf(2)}).outcomes,
              Each(Outcome::kDelivered));
  JetStream js(server_->url());
  EXPECT_THAT(js.Read("OUT"), SizeIs(2));
}

TEST_F(JetStreamDeliveryTest, WhatIsNotPermittedFailsAndTheRestIsDelivered) {
  Start(
      "jetstream {}\nauthorization { users = [ {user: u, password: p, "
      "permissions: {publish: [\"weir.n1.a.>\"], subscribe: [\"_INBOX.>\"]}}, "
      "{user: all, password: p} ] }",
      "u:p", "all:p");
  js_->AddStream("OUT", "weir.>");
  for (int round = 0; round < 3; ++round) {
    const Delivery::Result result =
        Deliver({EventOf(1), EventOf(2, "secret"), EventOf(3)});
    EXPECT_THAT(result.outcomes,
                ElementsAre(Outcome::kDelivered, Outcome::kFailed,
                            Outcome::kDelivered));
    EXPECT_THAT(std::string(result.error.message()),
                HasSubstr("\"weir.n1.secret\""));
  }
}

TEST_F(JetStreamDeliveryTest, AServerThatHangsIsGivenUpAndInterruptEndsIt) {
  answer_timeout_ = absl::Milliseconds(200);
  Start();
  js_->AddStream("OUT", "weir.>");
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kDelivered));
  server_->Freeze();
  const Delivery::Result result = Deliver({EventOf(2)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(std::string(result.error.message()),
              HasSubstr("no stream has answered for 200ms"));
  server_->Kill();
  server_->Start();
  answer_timeout_ = absl::InfiniteDuration();
  JetStreamDeliveryOptions options;
  options.server.servers = {server_->url()};
  options.subject = {.pattern = "weir.{type}", .node_id = ""};
  options.answer_timeout = absl::Hours(1);
  JetStreamDelivery patient(options);
  const v1::Event event = EventOf(3);
  EXPECT_THAT(patient.Deliver({&event}).outcomes,
              ElementsAre(Outcome::kDelivered));
  server_->Freeze();
  std::thread interrupter([&] { patient.Interrupt(); });
  const v1::Event next = EventOf(4);
  EXPECT_THAT(patient.Deliver({&next}).outcomes, ElementsAre(Outcome::kFailed));
  interrupter.join();
}

// Somebody else may answer as well, and late: that says nothing of what was
// published since.
TEST_F(JetStreamDeliveryTest, ALateAnswerIsNotTakenForAnothers) {
  answer_timeout_ = absl::Milliseconds(300);
  Start();
  js_->AddStream("OUT", "weir.n1.a.>");
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  std::string first_reply;
  ASSERT_EQ(natsConnection_ConnectTo(&connection, server_->url().c_str()),
            NATS_OK);
  ASSERT_EQ(natsConnection_Subscribe(
                &subscription, connection, "weir.>",
                [](natsConnection* nc, natsSubscription*, natsMsg* message,
                   void* reply) {
                  auto* first = static_cast<std::string*>(reply);
                  if (first->empty()) {
                    *first = natsMsg_GetReply(message);
                  } else {
                    natsConnection_PublishString(nc, first->c_str(),
                                                 R"({"stream":"OUT","seq":1})");
                  }
                  natsMsg_Destroy(message);
                },
                &first_reply),
            NATS_OK);
  ASSERT_EQ(natsConnection_Flush(connection), NATS_OK);
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kDelivered));
  // No stream keeps it.
  EXPECT_THAT(Deliver({EventOf(2, "c")}).outcomes,
              ElementsAre(Outcome::kFailed));
  natsConnection_Close(connection);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(connection);
}

TEST_F(JetStreamDeliveryTest, WhoAnswersAndIsNoStreamIsNotBelieved) {
  Start();
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&connection, server_->url().c_str()),
            NATS_OK);
  ASSERT_EQ(
      natsConnection_Subscribe(
          &subscription, connection, "weir.>",
          [](natsConnection* nc, natsSubscription*, natsMsg* message, void*) {
            natsConnection_PublishString(nc, natsMsg_GetReply(message),
                                         "thanks");
            natsMsg_Destroy(message);
          },
          nullptr),
      NATS_OK);
  ASSERT_EQ(natsConnection_Flush(connection), NATS_OK);
  const Delivery::Result result = Deliver({EventOf(1)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(std::string(result.error.message()), HasSubstr("is no stream"));
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(connection);
}

}  // namespace
}  // namespace weir
