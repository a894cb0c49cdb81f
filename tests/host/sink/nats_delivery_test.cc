#include "host/sink/nats_delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/nats/nkey.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/nkey_seed.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Outcome = Delivery::Outcome;

v1::Event EventOf(int seq, const std::string& type = "a.b") {
  v1::Event event;
  event.set_id(absl::StrCat("7k2mq9xv-", seq));
  event.set_type(type);
  event.set_source("plugins/x");
  event.set_json(R"({"n":1})");
  return event;
}

// Who hears all of "weir.>".
class Subscriber {
 public:
  struct Got {
    std::string subject, id, data;
  };
  explicit Subscriber(const std::string& url) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
    EXPECT_EQ(natsConnection_SubscribeSync(&all_, connection_, "weir.>"),
              NATS_OK);
    EXPECT_EQ(natsConnection_Flush(connection_), NATS_OK);
  }
  ~Subscriber() {
    natsSubscription_Destroy(all_);
    natsConnection_Destroy(connection_);
  }
  // What the server has sent.
  std::vector<Got> Take() {
    natsConnection_Flush(connection_);
    std::vector<Got> got;
    natsMsg* message = nullptr;
    while (natsSubscription_NextMsg(&message, all_, 20) == NATS_OK) {
      const char* id = nullptr;
      natsMsgHeader_Get(message, "Nats-Msg-Id", &id);
      got.push_back({natsMsg_GetSubject(message), id == nullptr ? "" : id,
                     std::string(natsMsg_GetData(message),
                                 natsMsg_GetDataLength(message))});
      natsMsg_Destroy(message);
    }
    return got;
  }

 private:
  natsConnection* connection_ = nullptr;
  natsSubscription* all_ = nullptr;
};

class NatsDeliveryTest : public ::testing::Test {
 protected:
  void Start(const std::string& config = "", const std::string& user = "") {
    server_ = std::make_unique<NatsServer>(config);
    NatsDeliveryOptions options;
    options.server.servers = {
        user.empty()
            ? server_->url()
            : absl::StrCat("nats://", user, "@127.0.0.1:", server_->port())};
    options.subject = {.pattern = "weir.{node_id}.{type}", .node_id = "n1"};
    delivery_ = std::make_unique<NatsDelivery>(std::move(options));
  }
  Delivery::Result Deliver(const std::vector<v1::Event>& events) {
    std::vector<const v1::Event*> pointers;
    for (const v1::Event& event : events) pointers.push_back(&event);
    return delivery_->Deliver(pointers);
  }

  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<NatsDelivery> delivery_;
};

TEST_F(NatsDeliveryTest, PublishesEventsWithTheirIdsToTheirSubjects) {
  Start();
  Subscriber subscriber(server_->url());
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2, "c")});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kDelivered, Outcome::kDelivered));
  EXPECT_TRUE(result.error.ok()) << result.error;
  const auto got = subscriber.Take();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].subject, "weir.n1.a.b");
  EXPECT_EQ(got[0].id, "7k2mq9xv-1");
  EXPECT_EQ(got[0].data,
            R"({"id":"7k2mq9xv-1","type":"a.b","source":"plugins/x",)"
            R"("data":{"n":1}})");
  EXPECT_EQ(got[1].subject, "weir.n1.c");
  EXPECT_EQ(result.bytes, got[0].data.size() + got[1].data.size());
}

TEST_F(NatsDeliveryTest, RejectsWhatCanNeverBePublishedAndDeliversTheRest) {
  Start();
  Subscriber subscriber(server_->url());
  v1::Event large = EventOf(1);
  large.set_json(absl::StrCat("\"", std::string(1 << 20, 'x'), "\""));
  const Delivery::Result result =
      Deliver({large, EventOf(2, "a b"), EventOf(3, "a..b"), EventOf(4)});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kRejected, Outcome::kRejected,
                          Outcome::kRejected, Outcome::kDelivered));
  EXPECT_THAT(std::string(result.error.message()),
              HasSubstr("\"weir.n1.a..b\""));
  EXPECT_EQ(subscriber.Take().size(), 1u);
}

TEST_F(NatsDeliveryTest, FailsWithoutAServerAndDeliversWhenItIsBack) {
  Start();
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kDelivered));
  server_->Kill();
  Delivery::Result result = Deliver({EventOf(2)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_FALSE(result.error.ok());
  EXPECT_THAT(Deliver({EventOf(2)}).outcomes, ElementsAre(Outcome::kFailed));
  server_->Start();
  Subscriber subscriber(server_->url());
  EXPECT_THAT(Deliver({EventOf(2)}).outcomes, ElementsAre(Outcome::kDelivered));
  EXPECT_EQ(subscriber.Take().size(), 1u);
}

TEST_F(NatsDeliveryTest, WhatIsNotPermittedFailsAndTheRestIsDelivered) {
  Start(
      "authorization { users = [ {user: u, password: p, "
      "permissions: {publish: {allow: [\"weir.n1.a.>\"]}}}, "
      "{user: all, password: p} ] }",
      "u:p");
  Subscriber subscriber(
      absl::StrCat("nats://all:p@127.0.0.1:", server_->port()));
  for (int round = 0; round < 3; ++round) {
    const Delivery::Result result = Deliver(
        {EventOf(1), EventOf(2, "secret"), EventOf(3), EventOf(4, "x")});
    EXPECT_THAT(result.outcomes,
                ElementsAre(Outcome::kDelivered, Outcome::kFailed,
                            Outcome::kDelivered, Outcome::kFailed));
    EXPECT_EQ(result.error.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(result.error.message()), HasSubstr("weir.n1.x"));
  }
  for (const Subscriber::Got& got : subscriber.Take()) {
    EXPECT_EQ(got.subject, "weir.n1.a.b");
  }
}

TEST_F(NatsDeliveryTest, InterruptedItFails) {
  Start();
  delivery_->Interrupt();
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kFailed));
}

TEST(NatsDeliveryNkey, ItsHolderPublishesAndAnotherDoesNot) {
  const std::string seed = NewNkeySeed();
  const NatsServer server(absl::StrCat(
      "authorization { users = [ {nkey: ", Nkey::FromSeed(seed)->public_key(),
      "} ] }"));
  NatsDeliveryOptions options;
  options.server.servers = {server.url()};
  options.server.nkey_seed_file =
      absl::StrCat(getenv("TEST_TMPDIR"), "/sink.nk");
  options.subject = {.pattern = "weir.{type}", .node_id = ""};
  NatsDelivery delivery(options);
  const v1::Event event = EventOf(1);
  std::ofstream(options.server.nkey_seed_file) << NewNkeySeed();
  Delivery::Result result = delivery.Deliver({&event});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(std::string(result.error.message()), HasSubstr("nkey_seed_file"));
  std::ofstream(options.server.nkey_seed_file) << seed;
  result = delivery.Deliver({&event});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kDelivered))
      << result.error;
}

}  // namespace
}  // namespace weir
