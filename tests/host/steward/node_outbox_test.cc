#include "host/steward/node_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>
#include <sys/resource.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/status/error_info.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/support/failing_vfs.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using steward::Message;
using steward::Profile;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

// Waits until `condition` holds; false if it does not come to that.
bool Until(const std::function<bool()>& condition) {
  const absl::Time end = absl::Now() + absl::Seconds(60);
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

// What was sent to "central", by whatever method.
class Receiver {
 public:
  struct Got {
    Message message;
    std::string subject, reply, ask;
  };

  // Answers each by `answer`, if that is not empty: "ack", "text" (as S0) or
  // "weir".
  Receiver(const std::string& url, std::string answer)
      : answer_(std::move(answer)) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
    EXPECT_EQ(natsConnection_Subscribe(&subscription_, connection_, "central.>",
                                       &Receiver::OnMessage, this),
              NATS_OK);
    EXPECT_EQ(natsConnection_Flush(connection_), NATS_OK);
  }
  ~Receiver() {
    natsConnection_Close(connection_);
    // What cnats calls last may still run.
    absl::SleepFor(absl::ZeroDuration());
    natsSubscription_Destroy(subscription_);
    natsConnection_Destroy(connection_);
  }

  std::vector<Got> got() {
    MutexLock lock(&mu_);
    return got_;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (const Got& one : got()) {
      texts.push_back(one.message.data.has_value() ? (*one.message.data)[0]
                                                   : "");
    }
    return texts;
  }

 private:
  static void OnMessage(natsConnection* connection, natsSubscription*,
                        natsMsg* message, void* self) {
    auto* receiver = static_cast<Receiver*>(self);
    Got got;
    got.subject = natsMsg_GetSubject(message);
    if (absl::EndsWith(got.subject, ".reply")) return natsMsg_Destroy(message);
    if (natsMsg_GetReply(message) != nullptr) {
      got.reply = natsMsg_GetReply(message);
    }
    steward::PayloadHeaders headers;
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, "serial", &value) == NATS_OK) {
      headers.serial = value;
    }
    if (natsMsgHeader_Get(message, "cmp", &value) == NATS_OK) {
      headers.cmp = value;
    }
    if (natsMsgHeader_Get(message, "weir-ack", &value) == NATS_OK) {
      got.ask = value;
    }
    const auto decoded = steward::DecodePayload(
        headers,
        {natsMsg_GetData(message),
         static_cast<size_t>(natsMsg_GetDataLength(message))},
        1 << 21);
    EXPECT_THAT(decoded.status(), IsOk());
    if (decoded.ok()) got.message = decoded->message;
    {
      MutexLock lock(&receiver->mu_);
      receiver->got_.push_back(got);
    }
    natsMsg* answer = nullptr;
    const std::string text =
        receiver->answer_ == "text"
            ? absl::StrCat("confirmed from: central: ", got.message.id)
            : "";
    if (!receiver->answer_.empty() && !got.reply.empty()) {
      natsMsg_Create(&answer, got.reply.c_str(), nullptr, text.data(),
                     static_cast<int>(text.size()));
      if (receiver->answer_ == "weir") {
        natsMsgHeader_Set(answer, "weir-ack", "received");
      }
      natsConnection_PublishMsg(connection, answer);
      natsMsg_Destroy(answer);
    }
    natsMsg_Destroy(message);
  }

  const std::string answer_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  Mutex mu_;
  std::vector<Got> got_;
};

class Events final : public EventSink {
 public:
  absl::Status Publish(Event event) override {
    MutexLock lock(&mu_);
    events_.push_back(std::move(event));
    return absl::OkStatus();
  }
  std::vector<Event> all() {
    MutexLock lock(&mu_);
    return events_;
  }

 private:
  Mutex mu_;
  std::vector<Event> events_;
};

class NodeOutboxTest : public ::testing::Test {
 protected:
  NodeOutboxTest() {
    options_.source = "sources/node1";
    options_.identity.node = "node1";
    options_.server.servers = {server_.url()};
    options_.min_retry_wait = absl::Milliseconds(10);
    options_.reconnect = {.initial = absl::Milliseconds(10),
                          .max = absl::Milliseconds(50)};
    options_.path = absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name(), ".db");
  }
  ~NodeOutboxTest() override {
    outbox_.reset();
    FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  }

  void Open() {
    outbox_.reset();  // The file is of one.
    auto opened = NodeOutbox::Open(options_, clock_, events_);
    ASSERT_THAT(opened.status(), IsOk());
    outbox_ = *std::move(opened);
  }
  void Start() {
    Open();
    outbox_->Start();
  }

  static Message Text(const std::string& text, int64_t ack_timeout = 30,
                      int64_t retries = 0) {
    Message message;
    message.to_node = "central";
    message.method = "REQToFileAppend";
    message.data.emplace(1, text);
    message.ack_timeout = ack_timeout;
    message.retries = retries;
    return message;
  }
  uint64_t Counter(const std::string& name) {
    const auto all = outbox_->counters();
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
  }
  bool AllDelivered(uint64_t count) {
    return Until([&] {
      return Counter("outbox_delivered") == count &&
             Counter("outbox_waiting") == 0;
    });
  }
  static std::vector<std::string> Numbered(int from, int to) {
    std::vector<std::string> texts;
    for (int i = from; i <= to; ++i) texts.push_back(absl::StrCat(i));
    return texts;
  }

  NatsServer server_;
  SystemClock clock_;
  Events events_;
  NodeOutboxOptions options_;
  std::unique_ptr<NodeOutbox> outbox_;
};

TEST_F(NodeOutboxTest,
       DeliversToANodeOfTheOriginalsAndHearsItsAcknowledgement) {
  const struct {
    Profile profile;
    const char* subject;
    const char* answer;
  } all[] = {{Profile::kS0, "central.REQToFileAppend.EventACK", "text"},
             {Profile::kS1, "central.REQToFileAppend.EventACK", "ack"},
             {Profile::kC1, "central.REQToFileAppend", "ack"},
             {Profile::kC4, "central.REQToFileAppend", "ack"}};
  for (const auto& one : all) {
    SCOPED_TRACE(ProfileName(one.profile));
    options_.identity.profile = one.profile;
    options_.path += "x";
    Receiver receiver(server_.url(), one.answer);
    Start();
    ASSERT_THAT(outbox_->Send({Text("a"), Text("b")}), IsOk());
    ASSERT_TRUE(AllDelivered(2));
    const auto got = receiver.got();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0].subject, one.subject);
    EXPECT_EQ(got[0].message.from_node, "node1");
    EXPECT_EQ(got[0].message.id, 1);
    EXPECT_EQ(got[1].message.id, 2);
    EXPECT_THAT(got[0].reply, HasSubstr("_INBOX."));
    EXPECT_NE(got[0].reply, got[1].reply) << "one inbox for each";
    EXPECT_EQ(got[0].ask, "configured");
    outbox_->Stop(absl::ZeroDuration());
  }
}

TEST_F(NodeOutboxTest, AtSubjectReplyOneIsUnderWayAtATime) {
  options_.shared_reply_subject = true;
  Receiver receiver(server_.url(), "weir");
  Start();
  std::vector<Message> many;
  for (const std::string& text : Numbered(1, 50)) many.push_back(Text(text));
  ASSERT_THAT(outbox_->Send(many), IsOk());
  ASSERT_TRUE(AllDelivered(50));
  EXPECT_EQ(receiver.texts(), Numbered(1, 50));
  EXPECT_EQ(receiver.got()[0].reply, "central.REQToFileAppend.EventACK.reply");
}

TEST_F(NodeOutboxTest, WaitsForAServerThatIsNotThereAndKeepsTheOrder) {
  server_.Kill();
  Start();
  for (const std::string& text : Numbered(1, 20)) {
    ASSERT_THAT(outbox_->Send({Text(text, /*ack_timeout=*/1)}), IsOk());
  }
  // Longer than their time, which has not begun.
  ASSERT_TRUE(Until([&] { return Counter("outbox_waiting") == 20; }));
  server_.Start();
  Receiver receiver(server_.url(), "ack");
  ASSERT_TRUE(AllDelivered(20));
  EXPECT_EQ(receiver.texts(), Numbered(1, 20));
}

TEST_F(NodeOutboxTest, AServerThatIsKilledAndStartedAgainLosesNothing) {
  Start();
  std::vector<std::string> seen;
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i <= 100; ++i) {
      ASSERT_THAT(outbox_->Send({Text(absl::StrCat(round * 100 + i), 60, 5)}),
                  IsOk());
    }
    Receiver receiver(server_.url(), round % 2 == 0 ? "ack" : "weir");
    ASSERT_TRUE(Until([&] { return receiver.got().size() > 20; }));
    server_.Kill();
    for (const std::string& text : receiver.texts()) seen.push_back(text);
    server_.Start();
  }
  Receiver receiver(server_.url(), "ack");
  ASSERT_TRUE(Until([&] { return Counter("outbox_waiting") == 0; }));
  for (const std::string& text : receiver.texts()) seen.push_back(text);
  EXPECT_EQ(Counter("outbox_given_up"), 0u);
  // Each is there; and those that are there again follow their like.
  for (const std::string& text : Numbered(1, 300)) {
    EXPECT_THAT(seen, Contains(text));
  }
}

// The originals sent what had waited in the reverse order, or in none.
TEST_F(NodeOutboxTest, WhatWaitedIsSentInItsOrderByTheNextProcess) {
  server_.Kill();
  Start();
  std::vector<Message> many;
  for (const std::string& text : Numbered(1, 300)) many.push_back(Text(text));
  ASSERT_THAT(outbox_->Send(many), IsOk());
  outbox_.reset();
  server_.Start();
  Receiver receiver(server_.url(), "ack");
  Start();
  ASSERT_THAT(outbox_->Send({Text("301")}), IsOk());
  ASSERT_TRUE(AllDelivered(301));
  EXPECT_EQ(receiver.texts(), Numbered(1, 301));
  EXPECT_EQ(receiver.got().back().message.id, 301) << "IDs go on";
}

// The originals deleted a message when they gave it up.
TEST_F(NodeOutboxTest, WhatIsGivenUpIsToldAndKeptAndCanBeSentAgain) {
  options_.error_node = "errorCentral";
  Start();
  ASSERT_THAT(outbox_->Send({Text("a", 1)}), IsOk());
  ASSERT_TRUE(Until([&] { return !events_.all().empty(); }));
  const Event event = events_.all()[0];
  EXPECT_EQ(event.type, "weir.steward.given_up");
  EXPECT_EQ(event.source, "sources/node1");
  EXPECT_EQ(event.subject, "central");
  EXPECT_THAT(event.json, HasSubstr("nobody subscribes"));
  EXPECT_THAT(event.json, HasSubstr(R"("method":"REQToFileAppend")"));
  // It is an errorLog, too, which waits.
  ASSERT_TRUE(Until([&] { return Counter("outbox_waiting") == 1; }));

  outbox_.reset();
  Start();
  EXPECT_EQ(Counter("outbox_undelivered"), 1u) << "over a restart";
  const auto list = outbox_->ListUndelivered(0, 10);
  ASSERT_THAT(list.status(), IsOk());
  ASSERT_EQ(list->size(), 1u);
  const UndeliveredMessage& one = (*list)[0];
  EXPECT_THAT(one.reason, HasSubstr("nobody subscribes"));
  EXPECT_EQ(one.subject, "central.REQToFileAppend.EventACK");
  EXPECT_EQ((*one.message.data)[0], "a");

  const absl::Status missing = outbox_->Resend({one.number, 77});
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetErrorInfo(missing)->reason, "UNDELIVERED_NOT_FOUND");
  Receiver receiver(server_.url(), "ack");
  ASSERT_THAT(outbox_->Resend({one.number}), IsOk());
  ASSERT_TRUE(Until([&] { return receiver.texts().size() == 1; }));
  EXPECT_EQ(receiver.got()[0].message.id, one.message.id);
  ASSERT_TRUE(Until([&] { return Counter("outbox_delivered") == 1; }));
  EXPECT_EQ(Counter("outbox_undelivered"), 0u);
}

TEST_F(NodeOutboxTest, CountsByTheNamesOfTheOriginals) {
  options_.error_node = "errorCentral";
  Start();
  ASSERT_THAT(outbox_->Send({Text("a", 1, 1)}), IsOk());
  // That it is given up is told, to a node that is not there.
  ASSERT_TRUE(Until([&] { return Counter("error_messages_sent_total") == 1; }));
  EXPECT_EQ(Counter("user_messages_total"), 1u);
  EXPECT_EQ(Counter("nats_messages_missed_acks_total"), 2u);
  EXPECT_EQ(Counter("nats_messages_failed_acks_total"), 1u);
  EXPECT_EQ(Counter("nats_delivered_total"), 0u) << "which was not";
  EXPECT_EQ(Counter("messages_processed_id_last"), 1u);
  ASSERT_TRUE(Until([&] {
    return Counter("in_memory_buffer_messages_current") == 1 &&
           Counter("db_messages_current") == 1;
  }));

  Receiver receiver(server_.url(), "ack");
  Message several = Text("b");
  several.to_nodes = {"central", "central"};
  ASSERT_THAT(outbox_->Send({several, Text("c")}), IsOk());
  ASSERT_TRUE(Until([&] { return Counter("nats_delivered_total") == 3; }));
  EXPECT_EQ(Counter("user_messages_total"), 4u);
  EXPECT_EQ(Counter("nats_messages_failed_acks_total"), 1u);
  ASSERT_TRUE(Until([&] { return Counter("db_messages_current") == 1; }));
  EXPECT_EQ(Counter("messages_processed_id_last"), 5u);
  // A bad one is none that was taken.
  EXPECT_FALSE(outbox_->Send({Message()}).ok());
  EXPECT_EQ(Counter("user_messages_total"), 4u);
}

TEST_F(NodeOutboxTest, AnErrorLogThatIsGivenUpIsNoReasonForAnother) {
  options_.error_node = "errorCentral";
  Open();
  Message error =
      MakeErrorLog(options_.identity, "errorCentral", "oh", absl::Now());
  error.ack_timeout = 1;
  error.retries = 0;
  outbox_->Start();
  ASSERT_THAT(outbox_->Send({error}), IsOk());
  ASSERT_TRUE(Until([&] { return events_.all().size() == 1; }));
  EXPECT_EQ(Counter("outbox_waiting"), 0u);
}

TEST_F(NodeOutboxTest, SaysHelloAtEachConnectAndThenEachInterval) {
  options_.central_node = "central";
  options_.hello_interval = absl::Hours(1);
  Receiver receiver(server_.url(), "");
  Start();
  ASSERT_TRUE(Until([&] { return receiver.got().size() == 1; }));
  EXPECT_EQ(receiver.got()[0].subject, "central.REQHello.EventNACK");
  EXPECT_EQ(receiver.got()[0].message.from_node, "node1");
  EXPECT_EQ(receiver.got()[0].message.file_name, "hello.log");
  EXPECT_EQ(receiver.got()[0].message.data, std::nullopt) << "it has no key";
  EXPECT_EQ(Counter("outbox_waiting"), 0u) << "it is not kept";

  options_.hello_interval = absl::Milliseconds(5);
  options_.identity.profile = Profile::kS0;
  Start();
  ASSERT_TRUE(Until([&] { return receiver.got().size() >= 4; }));
  const auto hellos = receiver.got();
  EXPECT_EQ((*hellos[3].message.data)[0], "Hello from node1\n");
  EXPECT_GT(hellos[3].message.id, hellos[2].message.id);
}

TEST_F(NodeOutboxTest, BeyondMaxBytesItIsFullAndSaysSo) {
  server_.Kill();
  options_.max_bytes = 3000;
  Start();
  absl::Status status;
  uint64_t taken = 0;
  for (; taken < 100; ++taken) {
    status = outbox_->Send({Text(std::string(300, 'x'))});
    if (!status.ok()) break;
  }
  EXPECT_THAT(taken, AllOf(Ge(5u), Le(8u)));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorInfo(status)->reason, "OUTBOX_FULL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_bytes, 3000"));
  server_.Start();
  Receiver receiver(server_.url(), "ack");
  ASSERT_TRUE(AllDelivered(taken));
  EXPECT_THAT(outbox_->Send({Text("there is room again")}), IsOk());
  EXPECT_EQ(Counter("outbox_refused"), 1u);
}

TEST_F(NodeOutboxTest, WhatIsForTooManyNodesIsRefusedBeforeItIsCopied) {
  options_.max_bytes = uint64_t{8} << 20;
  Start();
  const auto peak_kib = [] {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const std::string much(64 << 10, 'x');
  steward::Message of_data = Text(much);
  steward::Message of_args = Text("");
  of_args.method_args.emplace(1, much);
  uint64_t refused = 0;
  for (steward::Message* const message : {&of_data, &of_args}) {
    message->to_nodes.emplace(10'000, "node2");
    const auto before = peak_kib();
    const absl::Status status = outbox_->Send({*message});
    EXPECT_EQ(GetErrorInfo(status)->reason, "OUTBOX_FULL") << status;
    // All copies would have 625 MiB.
    EXPECT_LT(peak_kib() - before, 100 << 10);
    EXPECT_EQ(Counter("outbox_refused"), ++refused);
  }
}

TEST_F(NodeOutboxTest, TakesAllOrNone) {
  Receiver receiver(server_.url(), "ack");
  Start();
  Message wrong = Text("b");
  wrong.method.clear();
  EXPECT_EQ(outbox_->Send({Text("a"), wrong}).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_THAT(outbox_->Send({Text("c")}), IsOk());
  ASSERT_TRUE(AllDelivered(1));
  EXPECT_THAT(receiver.texts(), ElementsAre("c"));
}

TEST_F(NodeOutboxTest, WhatIsTooLongForTheServerIsRefused) {
  Receiver receiver(server_.url(), "ack");
  options_.identity.compression = steward::Compression::kNone;
  Start();
  ASSERT_THAT(outbox_->Send({Text("a")}), IsOk());
  ASSERT_TRUE(AllDelivered(1));
  const absl::Status status =
      outbox_->Send({Text(std::string((1 << 20) + 1, 'x'))});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorInfo(status)->reason, "OUTBOX_MESSAGE_TOO_LARGE");
  outbox_.reset();
  options_.identity.compression = steward::Compression::kZstd;
  Start();
  EXPECT_THAT(outbox_->Send({Text(std::string((1 << 20) + 1, 'x'))}), IsOk())
      << "packed it is not";
  ASSERT_TRUE(AllDelivered(1));
}

// cnats tells of it late, from another thread.
TEST_F(NodeOutboxTest, WhatTheServerDoesNotPermitIsNotTakenForDelivered) {
  NatsServer server(
      "authorization { users = [ {user: u, password: p, "
      "permissions: {publish: {deny: [\"central.>\"]}}} ] }");
  options_.server.servers = {
      absl::StrCat("nats://u:p@127.0.0.1:", server.port())};
  Start();
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(outbox_->Send({Text("a", /*ack_timeout=*/0)}), IsOk());
  }
  ASSERT_TRUE(Until([&] { return Counter("outbox_waiting") == 0; }));
  EXPECT_EQ(Counter("outbox_given_up"), 5u);
  EXPECT_THAT((*outbox_->ListUndelivered(0, 1))[0].reason,
              HasSubstr("does not permit"));
}

// Of a disk that is full.
TEST_F(NodeOutboxTest, WhatCannotBeKeptIsRefusedAndNothingElseIsLost) {
  FailingVfs::Get();
  options_.vfs = FailingVfs::kName;
  Start();
  ASSERT_THAT(outbox_->Send({Text("1")}), IsOk());
  FailingVfs::Get().Set(FailingVfs::Fault::kDiskFull);
  const absl::Status full = outbox_->Send({Text("lost")});
  EXPECT_EQ(full.code(), absl::StatusCode::kFailedPrecondition) << full;
  EXPECT_EQ(GetErrorInfo(full)->reason, "OUTBOX_UNAVAILABLE");
  EXPECT_THAT(std::string(full.message()), HasSubstr("make room"));
  // What was delivered cannot be noted now, and is later.
  Receiver receiver(server_.url(), "ack");
  ASSERT_TRUE(Until([&] { return receiver.texts().size() == 1; }));
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  ASSERT_THAT(outbox_->Send({Text("2")}), IsOk());
  ASSERT_TRUE(AllDelivered(2));
  EXPECT_THAT(receiver.texts(), ElementsAre("1", "2"));
  outbox_.reset();
  Start();
  EXPECT_EQ(Counter("outbox_waiting"), 0u);
}

TEST_F(NodeOutboxTest, HelloIsSentNowOrNotAtAll) {
  Receiver receiver(server_.url(), "");
  Start();
  ASSERT_TRUE(Until([&] { return Counter("outbox_connected") == 1; }));
  outbox_->SendNow(Text("now", 10));
  ASSERT_TRUE(Until([&] { return receiver.texts().size() == 1; }));
  server_.Kill();
  ASSERT_TRUE(Until([&] { return Counter("outbox_connected") == 0; }));
  outbox_->SendNow(Text("never", 10));
  ASSERT_TRUE(Until([&] { return Counter("outbox_dropped") == 1; }));
  EXPECT_EQ(Counter("outbox_waiting"), 0u);
}

TEST_F(NodeOutboxTest, StopsWithWhatCanBeSentAndKeepsTheRest) {
  Receiver receiver(server_.url(), "ack");
  Start();
  ASSERT_TRUE(Until([&] { return Counter("outbox_connected") == 1; }));
  std::vector<Message> many;
  for (const std::string& text : Numbered(1, 100)) many.push_back(Text(text));
  ASSERT_THAT(outbox_->Send(many), IsOk());
  outbox_->Stop(absl::Seconds(60));
  EXPECT_EQ(receiver.texts().size(), 100u);
  EXPECT_EQ(outbox_->Send({Text("late")}).code(),
            absl::StatusCode::kUnavailable);
  Start();
  Message unheard = Text("x");
  unheard.to_node = "nobody";
  ASSERT_THAT(outbox_->Send({unheard}), IsOk());
  outbox_->Stop(absl::ZeroDuration());
  outbox_.reset();
  Open();
  EXPECT_EQ(Counter("outbox_waiting"), 1u);
}

}  // namespace
}  // namespace weir
