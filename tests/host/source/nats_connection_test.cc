#include "host/source/nats_connection.h"

#include <gtest/gtest.h>
#include <nats.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

// A write that waits for ever would hold up whoever acknowledges, and whoever
// wants to end the connection.
TEST(NatsConnectionTest, EndsWhenItsServerTakesNothingAnyMore) {
  NatsServer server;
  NatsConnection connection({.servers = {server.url()}});
  ASSERT_THAT(connection.Connect({{.subject = "a", .queue_group = ""}}),
              IsOk());
  server.Freeze();
  // More than sockets and cnats hold for it.
  const std::string data(512 << 10, 'x');
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = connection.Publish("b", {}, data);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  std::vector<natsMsg*> messages;
  EXPECT_EQ(connection.Take(1, 1, &messages).code(),
            absl::StatusCode::kUnavailable);
  connection.Disconnect();
}

// Holds the one thread of cnats that delivers for all connections of the
// process, as long as it lives.
class HeldDelivery {
 public:
  explicit HeldDelivery(const std::string& url) {
    natsOptions* options = nullptr;
    EXPECT_EQ(natsOptions_Create(&options), NATS_OK);
    natsOptions_SetURL(options, url.c_str());
    natsOptions_UseGlobalMessageDelivery(options, true);
    EXPECT_EQ(natsConnection_Connect(&connection_, options), NATS_OK);
    natsOptions_Destroy(options);
    EXPECT_EQ(natsConnection_Subscribe(&subscription_, connection_, "hold",
                                       &HeldDelivery::Hold, this),
              NATS_OK);
    EXPECT_EQ(natsConnection_PublishString(connection_, "hold", ""), NATS_OK);
    while (!held_) std::this_thread::yield();
  }
  ~HeldDelivery() {
    release_ = true;
    while (held_) std::this_thread::yield();
    natsConnection_Close(connection_);
    natsSubscription_Destroy(subscription_);
    natsConnection_Destroy(connection_);
  }

 private:
  static void Hold(natsConnection*, natsSubscription*, natsMsg* message,
                   void* self) {
    natsMsg_Destroy(message);
    auto* held = static_cast<HeldDelivery*>(self);
    held->held_ = true;
    while (!held->release_) std::this_thread::yield();
    held->held_ = false;
  }

  std::atomic<bool> held_{false}, release_{false};
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
};

// Two limits drop, cnats' and the connection's own, and neither forgets any.
TEST(NatsConnectionTest, WhatWasPublishedIsReceivedOrCounted) {
  constexpr uint64_t kLimit = 500;
  constexpr uint64_t kRound = 2000;
  NatsServer server;
  NatsConnection connection(
      {.servers = {server.url()}, .pending_limit = kLimit});
  natsConnection* publisher = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&publisher, server.url().c_str()),
            NATS_OK);
  uint64_t published = 0;
  uint64_t received = 0;
  const auto publish = [&](const std::string& subject, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(natsConnection_PublishString(publisher, subject.c_str(), "x"),
                NATS_OK);
    }
    published += count;
    ASSERT_EQ(natsConnection_Flush(publisher), NATS_OK);
  };
  const auto overrun = [&] {
    const uint64_t before = connection.dropped();
    publish("a.x", kRound);
    publish("b", kRound);
    // cnats keeps as many of each subscription.
    while (connection.dropped() - before < 2 * (kRound - kLimit)) {
      std::this_thread::yield();
    }
    EXPECT_EQ(connection.dropped() - before, 2 * (kRound - kLimit));
  };
  // Reads until nothing is left, or to the end of the connection.
  const auto read = [&](bool to_the_end) {
    absl::Status status;
    while (status.ok() &&
           (to_the_end || received + connection.dropped() < published)) {
      std::vector<natsMsg*> messages;
      status = connection.Take(kRound, kRound, &messages);
      received += messages.size();
    }
    return status;
  };
  const auto connect = [&] {
    return connection.Connect({{.subject = "a.*", .queue_group = ""},
                               {.subject = "b", .queue_group = ""}});
  };
  ASSERT_THAT(connect(), IsOk());
  {
    const HeldDelivery held(server.url());
    overrun();
  }
  EXPECT_THAT(read(/*to_the_end=*/false), IsOk());
  publish("a.y", kRound);
  EXPECT_THAT(read(/*to_the_end=*/false), IsOk());
  EXPECT_EQ(received + connection.dropped(), published);
  EXPECT_GE(received, kLimit);
  // A connection that ends takes no count along.
  uint64_t dropped = connection.dropped();
  connection.Disconnect();
  EXPECT_EQ(connection.dropped(), dropped);

  // Neither does one that the server ends, nor what waited in cnats then.
  ASSERT_THAT(connect(), IsOk());
  {
    const HeldDelivery held(server.url());
    overrun();
    server.Kill();
    while (natsConnection_Status(publisher) == NATS_CONN_STATUS_CONNECTED) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(read(/*to_the_end=*/true).code(), absl::StatusCode::kUnavailable);
  connection.Disconnect();
  EXPECT_EQ(received + connection.dropped(), published);
  natsConnection_Destroy(publisher);
}

class ConnectedNatsTest : public ::testing::Test {
 protected:
  ConnectedNatsTest() { EXPECT_THAT(connection_.Connect({}), IsOk()); }

  // The next message's subject; empty if Take returned without any.
  std::string Next() {
    std::vector<natsMsg*> messages;
    EXPECT_THAT(connection_.Take(1, 1, &messages), IsOk());
    return messages.empty() ? "" : natsMsg_GetSubject(messages[0]);
  }

  NatsServer server_;
  NatsConnection connection_{{.servers = {server_.url()}}};
};

TEST_F(ConnectedNatsTest, SubscribesAndUnsubscribesWhileItIsConnected) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(connection_.Subscribe({{.subject = "a"}, {.subject = "b"}}),
                IsOk());
    ASSERT_THAT(connection_.Publish("a", {}, "x"), IsOk());
    EXPECT_EQ(Next(), "a");
    connection_.Unsubscribe("a");
    ASSERT_THAT(connection_.Publish("a", {}, "x"), IsOk());
    ASSERT_THAT(connection_.Publish("b", {}, "x"), IsOk());
    EXPECT_EQ(Next(), "b") << "nothing of a, to which it does not listen";
    connection_.Unsubscribe("b");
  }
}

TEST_F(ConnectedNatsTest, TakeReturnsWithoutAMessageWhenItsTimeIsUp) {
  std::vector<natsMsg*> messages;
  for (const absl::Duration at_most :
       {absl::Milliseconds(5), absl::ZeroDuration(), absl::Seconds(-1)}) {
    ASSERT_THAT(connection_.Take(1, 1, &messages, at_most), IsOk());
    EXPECT_TRUE(messages.empty());
  }
  connection_.Interrupt();
  EXPECT_EQ(connection_.Take(1, 1, &messages, absl::Hours(24)).code(),
            absl::StatusCode::kCancelled);
}

TEST(NatsConnectionTest, SubscribesToNothingWithoutAConnection) {
  NatsConnection connection({.servers = {"nats://127.0.0.1:1"}});
  EXPECT_EQ(connection.Subscribe({{.subject = "a"}}).code(),
            absl::StatusCode::kUnavailable);
}

// cnats keeps the last word of the server until there is another.
TEST(NatsConnectionTest, WhatIsPermittedMeanwhileIsNotTakenForRefused) {
  const auto config = [](const std::string& subjects) {
    return absl::StrCat(
        "authorization { users = [ {user: u, password: p,"
        " permissions: {publish: {deny: \"never\"}, subscribe: {allow: [",
        subjects, "]}}} ] }");
  };
  NatsServer server(config("\"a\""));
  NatsConnection connection(
      {.servers = {absl::StrCat("nats://u:p@127.0.0.1:", server.port())}});
  ASSERT_THAT(connection.Connect({{.subject = "a", .queue_group = ""}}),
              IsOk());
  const NatsConnection::Subscription b = {
      .subject = "b", .queue_group = "", .may_be_refused = true};
  std::vector<natsMsg*> messages;
  // cnats tells of refusals one after the other.
  const auto await_all_told = [&connection] {
    const uint64_t before = connection.forbidden();
    ASSERT_THAT(connection.Publish("never", {}, ""), IsOk());
    while (connection.forbidden() == before) sched_yield();
  };
  // Each time, and not the first time alone.
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(connection.Subscribe({b}), IsOk());
    std::vector<std::string> refused;
    while (refused.empty()) {
      ASSERT_THAT(connection.Take(1, 1, &messages, absl::Milliseconds(1)),
                  IsOk());
      refused = connection.TakeRefused();
    }
    EXPECT_EQ(refused, std::vector<std::string>{"b"});
    connection.Unsubscribe("b");
    // It may be told twice, once by the flush.
    await_all_told();
    connection.TakeRefused();
  }
  server.Reload(config("\"a\", \"b\""));
  ASSERT_THAT(connection.Subscribe({b}), IsOk());
  EXPECT_EQ(connection.TakeRefused(), std::vector<std::string>());
  ASSERT_THAT(connection.Publish("b", {}, "x"), IsOk());
  while (messages.empty()) {
    ASSERT_THAT(connection.Take(1, 1, &messages), IsOk());
  }
  EXPECT_EQ(connection.TakeRefused(), std::vector<std::string>());
}

}  // namespace
}  // namespace weir
