#include "host/source/steward_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "host/source/steward_processes.h"
#include "host/source/steward_schedules.h"
#include "host/sync/system_clock.h"
#include "lib/steward/compression.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/subject.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/nats/nats_server.h"
#include "tests/lib/steward/vectors.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using steward::Compression;
using steward::Message;
using steward::Profile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A node that sends, and hears what comes to its reply subject.
class Sender {
 public:
  struct Answer {
    std::string word, data;  // Of the header weir-ack, and the payload.
  };

  explicit Sender(const std::string& url, const std::string& inbox = "inbox")
      : inbox_(inbox) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
    EXPECT_EQ(
        natsConnection_SubscribeSync(&answers_, connection_, inbox_.c_str()),
        NATS_OK);
    Flush();
  }
  ~Sender() {
    natsSubscription_Destroy(answers_);
    natsConnection_Destroy(connection_);
  }

  void Send(const std::string& subject, const steward::Payload& payload,
            const std::string& ask = "") {
    natsMsg* created = nullptr;
    ASSERT_EQ(natsMsg_Create(&created, subject.c_str(), inbox_.c_str(),
                             payload.bytes.data(),
                             static_cast<int>(payload.bytes.size())),
              NATS_OK);
    const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> message(
        created, &natsMsg_Destroy);
    for (const auto& [name, value] : payload.headers) {
      natsMsgHeader_Set(created, name.c_str(), value.c_str());
    }
    if (!ask.empty()) natsMsgHeader_Set(created, "weir-ack", ask.c_str());
    EXPECT_EQ(natsConnection_PublishMsg(connection_, created), NATS_OK);
    Flush();
  }

  // The next answer; none if there is none when the server has sent all it has.
  std::optional<Answer> Hear() {
    Flush();
    natsMsg* heard = nullptr;
    if (natsSubscription_NextMsg(&heard, answers_, 50) != NATS_OK) {
      return std::nullopt;
    }
    return Take(heard);
  }
  // The same, and waits for one.
  Answer Await() {
    natsMsg* heard = nullptr;
    const natsStatus code = natsSubscription_NextMsg(&heard, answers_, 60'000);
    EXPECT_EQ(code, NATS_OK) << natsStatus_GetText(code);
    return code == NATS_OK ? Take(heard) : Answer{"none", "none"};
  }
  void Flush() { EXPECT_EQ(natsConnection_Flush(connection_), NATS_OK); }

 private:
  static Answer Take(natsMsg* heard) {
    Answer answer{
        std::string(NatsHeader(heard, "weir-ack")),
        std::string(natsMsg_GetData(heard), natsMsg_GetDataLength(heard))};
    natsMsg_Destroy(heard);
    return answer;
  }

  const std::string inbox_;
  natsConnection* connection_ = nullptr;
  natsSubscription* answers_ = nullptr;
};

class StewardSourceTest : public ::testing::Test {
 protected:
  // A source and its processes.
  struct Node {
    Node(const StewardOptions& options, const StewardNode& node,
         const Clock& clock)
        : processes(std::make_shared<StewardProcesses>(node, clock)),
          source(options, processes, clock) {}

    const std::shared_ptr<StewardProcesses> processes;
    StewardSource source;
  };

  static StewardNode Central(Profile profile,
                             std::vector<StewardProcessSettings> processes) {
    return {.name = "central",
            .profile = profile,
            .processes = std::move(processes),
            .stopped = {}};
  }

  StewardOptions Options() {
    StewardOptions options;
    options.servers = {server_.url()};
    options.report = [this](absl::string_view text) {
      reports_.emplace_back(text);
    };
    return options;
  }

  static steward::Payload Encode(const Message& message, Profile profile) {
    return EncodePayload(message, profile, Compression::kZstd);
  }

  // A message of `method` to the node that waits for an acknowledgement.
  static Message Request(const std::string& method) {
    Message message;
    message.to_node = "central";
    message.from_node = "node1";
    message.id = ++last_id_;
    message.method = method;
    message.ack_timeout = 1;
    return message;
  }

  // The next message that is taken, with its receipt.
  static FrameBatch ReadOne(StewardSource& source) {
    FrameBatch batch;
    EXPECT_THAT(source.Read(&batch), IsOk());
    EXPECT_EQ(batch.frames.size(), 1u);
    EXPECT_EQ(batch.subjects.size(), 1u);
    return batch;
  }

  static int64_t IdOf(const FrameBatch& batch) {
    const auto decoded = steward::DecodeUnpacked(batch.frames[0]);
    return decoded.ok() ? decoded->message.id : -1;
  }

  // The counters of acknowledgements.
  static std::map<std::string, uint64_t> Acks(const StewardSource& source) {
    std::map<std::string, uint64_t> acks;
    for (const auto& [name, count] : source.GetProgress().counters) {
      if (absl::StartsWith(name, "acks_")) acks[name] = count;
    }
    return acks;
  }

  static inline int64_t last_id_ = 0;
  NatsServer server_;
  SystemClock clock_;
  std::vector<std::string> reports_;
};

TEST_F(StewardSourceTest, AcknowledgesWhatCameAsEachReleaseDoes) {
  for (const Profile profile : {Profile::kS0, Profile::kS1, Profile::kC1,
                                Profile::kC2, Profile::kC3, Profile::kC4}) {
    const bool is_steward = profile == Profile::kS0 || profile == Profile::kS1;
    const std::string method = is_steward ? "REQCliCommand" : "cliCommand";
    Node node(Options(), Central(profile, {{.method = method}}), clock_);
    StewardSource& source = node.source;
    ASSERT_THAT(source.Connect(), IsOk());
    Sender sender(server_.url());
    const Message request = Request(method);
    sender.Send(SubjectOf(profile, "central", method),
                Encode(request, profile));
    FrameBatch batch = ReadOne(source);
    // Before any handler has it.
    const Sender::Answer answer = sender.Await();
    EXPECT_EQ(answer.word, "");
    EXPECT_EQ(answer.data,
              profile == Profile::kS0
                  ? absl::StrCat("confirmed from: central: ", request.id)
                  : "")
        << steward::ProfileName(profile);
    EXPECT_EQ(IdOf(batch), request.id);
    EXPECT_EQ(batch.subjects[0], SubjectOf(profile, "central", method));
    batch.receipt.Complete(Outcome::kAllProcessed);
    EXPECT_FALSE(sender.Hear().has_value()) << "one message, one answer";
    EXPECT_THAT(Acks(source), ElementsAre(Pair("acks_received", 1)));
  }
}

TEST_F(StewardSourceTest, AcknowledgesNothingThatNobodyWaitsFor) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQHello"}, {.method = "REQPing"}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  Message hello = Request("REQHello");
  hello.ack_timeout = 0;
  sender.Send("central.REQHello.EventNACK", Encode(hello, Profile::kS1));
  ReadOne(source).receipt.Complete(Outcome::kAllProcessed);
  EXPECT_FALSE(sender.Hear().has_value());
  // The body decides, not the kind in the subject.
  hello.ack_timeout = 5;
  sender.Send("central.REQHello.EventNACK", Encode(hello, Profile::kS1));
  ReadOne(source).receipt.Complete(Outcome::kAllProcessed);
  sender.Await();
}

TEST_F(StewardSourceTest, AcknowledgesWhatIsDoneOnlyThen) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .acknowledge_done = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const auto send = [&] {
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    return ReadOne(source);
  };
  FrameBatch batch = send();
  EXPECT_FALSE(sender.Hear().has_value()) << "handlers still have it";
  batch.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_EQ(sender.Await().data, "");
  // A sender of the original programs knows no word for these.
  for (const Outcome outcome :
       {Outcome::kSomeFailed, Outcome::kSomeLost, Outcome::kUnwanted}) {
    send().receipt.Complete(outcome);
    EXPECT_FALSE(sender.Hear().has_value());
  }
  EXPECT_THAT(Acks(source),
              ElementsAre(Pair("acks_done", 1), Pair("acks_withheld", 3)));
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StewardSourceTest, TellsASenderThatAsksWhatBecameOfIt) {
  Node node(
      Options(),
      Central(Profile::kC1, {{.method = "ping", .allowed_senders = {"node1"}}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  Message request = Request("ping");
  request.ack_timeout = 0;  // The header says more than the body.
  const auto send = [&](const char* ask) {
    sender.Send("central.ping", Encode(request, Profile::kC1), ask);
    return ReadOne(source);
  };
  FrameBatch received = send("received");
  EXPECT_EQ(sender.Await().word, "received");
  received.receipt.Complete(Outcome::kSomeFailed);
  FrameBatch done = send("done");
  EXPECT_FALSE(sender.Hear().has_value());
  done.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_EQ(sender.Await().word, "done");
  for (const auto& [outcome, reason] :
       {std::pair(Outcome::kSomeFailed, "a handler failed"),
        std::pair(Outcome::kSomeLost, "a handler died of it"),
        std::pair(Outcome::kUnwanted, "no handler takes this method")}) {
    send("done").receipt.Complete(outcome);
    const Sender::Answer answer = sender.Await();
    EXPECT_EQ(answer.word, "failed");
    EXPECT_THAT(answer.data, HasSubstr(reason));
  }
  // What is refused, too; then one that is taken, to be sure of it.
  request.from_node = "node9";
  sender.Send("central.ping", Encode(request, Profile::kC1), "done");
  sender.Send("central.ping", {.headers = {}, .bytes = "garbage"}, "received");
  request.from_node = "node1";
  send("received");
  Sender::Answer answer = sender.Await();
  EXPECT_EQ(answer.word, "failed");
  EXPECT_THAT(answer.data, HasSubstr("sender_not_allowed"));
  EXPECT_THAT(answer.data, HasSubstr("node9"));
  answer = sender.Await();
  EXPECT_EQ(answer.word, "failed");
  EXPECT_THAT(answer.data, HasSubstr("gob"));
  EXPECT_EQ(sender.Await().word, "received");
}

TEST_F(StewardSourceTest, SkipsWhatIsNoMessageAndGoesOn) {
  Node node(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const std::string subject = "central.REQPing.EventACK";
  const Message good = Request("REQPing");
  const std::vector<steward::Payload::Header> cbor = {{"serial", "cbor"},
                                                      {"cmp", "z"}};
  Message forged = good;
  forged.method = "REQCliCommand";
  Message scheduled = good;
  scheduled.schedule = {0, 0};
  Message nobody = good;
  nobody.method.clear();
  sender.Send(subject, {cbor, ""});
  sender.Send(subject, {cbor, "garbage"});
  sender.Send(subject, {cbor, Compress(Compression::kZstd, "\xf6")});
  sender.Send(subject, {cbor, Compress(Compression::kZstd, "\x98\x1a")});
  sender.Send(subject, {{}, "\x1a\xff\x81\x03"});
  sender.Send(subject, Encode(forged, Profile::kS1));
  sender.Send(subject, Encode(scheduled, Profile::kS1));
  sender.Send(subject, Encode(nobody, Profile::kS1));
  sender.Send(subject, Encode(good, Profile::kS1));
  EXPECT_EQ(IdOf(ReadOne(source)), good.id);
  EXPECT_EQ(sender.Await().data, "");
  EXPECT_FALSE(sender.Hear().has_value()) << "what is refused is not acked";
  EXPECT_THAT(
      source.GetProgress().skipped_by_reason,
      UnorderedElementsAre(Pair("bad_compression", 2), Pair("bad_cbor", 1),
                           Pair("unknown_layout", 1), Pair("gob", 1),
                           Pair("wrong_subject", 2), Pair("bad_schedule", 1)));
  EXPECT_EQ(reports_.size(), 8u);
  EXPECT_THAT(reports_[4], HasSubstr("-serialization cbor"));
}

TEST_F(StewardSourceTest, NodesOfOneNameShareTheMessagesFromS1On) {
  for (const Profile profile : {Profile::kS0, Profile::kS1}) {
    const StewardNode central = Central(profile, {{.method = "REQPing"}});
    Node first(Options(), central, clock_), second(Options(), central, clock_);
    std::vector<std::thread> readers;
    for (StewardSource* source : {&first.source, &second.source}) {
      ASSERT_THAT(source->Connect(), IsOk());
      readers.emplace_back([source] {
        for (absl::Status status; status.ok();) {
          FrameBatch batch;
          status = source->Read(&batch);
        }
      });
    }
    Sender sender(server_.url());
    constexpr int kMessages = 50;
    for (int i = 0; i < kMessages; ++i) {
      sender.Send(SubjectOf(profile, "central", "REQPing"),
                  Encode(Request("REQPing"), profile));
    }
    const int copies = profile == Profile::kS0 ? 2 : 1;
    for (int i = 0; i < kMessages * copies; ++i) sender.Await();
    EXPECT_FALSE(sender.Hear().has_value());
    first.source.Interrupt();
    second.source.Interrupt();
    for (std::thread& reader : readers) reader.join();
  }
}

TEST_F(StewardSourceTest, AProcessThatStopsOnAnErrorStaysSoUntilToldOtherwise) {
  Node node(Options(),
            Central(Profile::kS1, {{.method = "REQPing", .stop_on_error = true},
                                   {.method = "REQTest"}}),
            clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const auto send = [&](const char* method) {
    sender.Send(absl::StrCat("central.", method, ".EventACK"),
                Encode(Request(method), Profile::kS1));
  };
  send("REQPing");
  FrameBatch first = ReadOne(source);
  sender.Await();
  send("REQPing");  // Is there already when the process ends.
  first.receipt.Complete(Outcome::kSomeFailed);
  send("REQTest");
  EXPECT_EQ(ReadOne(source).subjects[0], "central.REQTest.EventACK");
  sender.Await();
  EXPECT_FALSE(sender.Hear().has_value());
  ASSERT_FALSE(reports_.empty());
  EXPECT_THAT(reports_[0], HasSubstr("process central.REQPing.EventACK has "
                                     "ended: a handler failed"));
  EXPECT_EQ(source.GetProgress().details["process central.REQPing.EventACK"],
            "ended: a handler failed");
  EXPECT_EQ(source.GetProgress().details["process central.REQTest.EventACK"],
            "running");

  // Not by a connection that broke.
  server_.Kill();
  FrameBatch batch;
  EXPECT_EQ(source.Read(&batch).code(), absl::StatusCode::kUnavailable);
  server_.Start();
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  Sender again(server_.url());
  again.Send("central.REQPing.EventACK",
             Encode(Request("REQPing"), Profile::kS1));
  EXPECT_FALSE(again.Hear().has_value());

  // But by an operator.
  source.Interrupt();
  EXPECT_EQ(source.Read(&batch).code(), absl::StatusCode::kCancelled);
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  again.Send("central.REQPing.EventACK",
             Encode(Request("REQPing"), Profile::kS1));
  ReadOne(source);
  again.Await();
}

TEST_F(StewardSourceTest, AFailureDuringAnOutageEndsItsProcessToo) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .stop_on_error = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  FrameBatch first;
  {
    Sender sender(server_.url());
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    first = ReadOne(source);
  }
  server_.Kill();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kUnavailable);
  first.receipt.Complete(Outcome::kSomeFailed);
  server_.Start();
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_EQ(source.GetProgress().details["process central.REQPing.EventACK"],
            "ended: a handler failed");
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_THAT(reports_[0], HasSubstr("has ended: a handler failed"));
}

TEST_F(StewardSourceTest, AnOperatorsReconnectForgetsAFailureBeforeIt) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .stop_on_error = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  sender.Send("central.REQPing.EventACK",
              Encode(Request("REQPing"), Profile::kS1));
  FrameBatch first = ReadOne(source);
  source.Interrupt();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  first.receipt.Complete(Outcome::kSomeFailed);
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_EQ(source.GetProgress().details["process central.REQPing.EventACK"],
            "running");
  EXPECT_THAT(reports_, IsEmpty());
}

using State = StewardProcessStatus::State;

// Reads on a thread of its own until it is interrupted, and counts what comes.
class Reader {
 public:
  explicit Reader(StewardSource& source)
      : source_(source), thread_([this] {
          for (absl::Status status; status.ok();) {
            FrameBatch batch;
            status = source_.Read(&batch);
            if (!status.ok()) break;
            ++count_;
            batch.receipt.Complete(Outcome::kAllProcessed);
          }
        }) {}
  ~Reader() {
    source_.Interrupt();
    thread_.join();
  }
  int count() const { return count_; }

 private:
  StewardSource& source_;
  std::atomic<int> count_{0};
  std::thread thread_;
};

// Waits until the process of that method is so.
void AwaitState(const StewardProcesses& processes, const std::string& method,
                State state) {
  for (int i = 0; i < 60'000; ++i) {
    for (const StewardProcessStatus& process : processes.Processes()) {
      if (process.method == method && process.state == state) return;
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  FAIL() << method << " is not in state " << static_cast<int>(state);
}

TEST_F(StewardSourceTest, AProcessStartsAndStopsWhileItIsConnected) {
  Node node(Options(), Central(Profile::kS1, {{.method = "REQTest"}}), clock_);
  ASSERT_THAT(node.source.Connect(), IsOk());
  const Reader reader(node.source);
  Sender sender(server_.url());
  ASSERT_THAT(node.processes->Start({.method = "REQPing"}).status(), IsOk());
  AwaitState(*node.processes, "REQPing", State::kRunning);
  const std::string subject = "central.REQPing.EventACK";
  sender.Send(subject, Encode(Request("REQPing"), Profile::kS1));
  sender.Await();
  EXPECT_EQ(reader.count(), 1);
  EXPECT_EQ(node.source.GetProgress().details["process " + subject], "running");

  // Another of the group gets all once it is stopped.
  Node other(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  ASSERT_THAT(other.source.Connect(), IsOk());
  const Reader other_reader(other.source);
  ASSERT_THAT(node.processes->Stop("REQPing").status(), IsOk());
  // It is unsubscribed when what is subscribed after it is.
  ASSERT_THAT(node.processes->Start({.method = "marker"}).status(), IsOk());
  AwaitState(*node.processes, "marker", State::kRunning);
  for (int i = 0; i < 20; ++i) {
    sender.Send(subject, Encode(Request("REQPing"), Profile::kS1));
    sender.Await();
  }
  EXPECT_EQ(reader.count(), 1);
  EXPECT_EQ(other_reader.count(), 20);
  EXPECT_EQ(node.source.GetProgress().details.count("process " + subject), 0u);
}

TEST_F(StewardSourceTest, WhatCameByAStoppedProcessIsRefused) {
  Node node(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  ASSERT_THAT(node.processes->Start({.method = "REQTest"}).status(), IsOk());
  Sender sender(server_.url());
  const auto send = [&](const std::string& method) {
    sender.Send(absl::StrCat("central.", method, ".EventACK"),
                Encode(Request(method), Profile::kS1), "received");
  };
  send("REQPing");  // Has the source follow.
  ReadOne(source);
  EXPECT_EQ(sender.Await().word, "received");
  // These are there when both are stopped: the server has them in order.
  send("REQPing");
  send("REQTest");
  send("REQPing");
  ReadOne(source);
  EXPECT_EQ(sender.Await().word, "received");
  ASSERT_THAT(node.processes->Stop("REQPing").status(), IsOk());
  ASSERT_THAT(node.processes->Stop("REQTest").status(), IsOk());
  std::thread interrupter([&] {
    EXPECT_EQ(sender.Await().word, "failed");
    EXPECT_EQ(sender.Await().word, "failed");
    source.Interrupt();
  });
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  interrupter.join();
  EXPECT_THAT(source.GetProgress().skipped_by_reason,
              ElementsAre(Pair("process_ended", 2)));
  EXPECT_THAT(reports_[0], HasSubstr("whose process was stopped"));
  EXPECT_THAT(reports_[1], HasSubstr("whose process is stopped"));
}

TEST_F(StewardSourceTest, WhatAnOperatorStoppedStaysSoOverConnections) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing"}, {.method = "REQTest"}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  ASSERT_THAT(node.processes->Stop("REQPing").status(), IsOk());
  source.Interrupt();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(source.GetProgress().details["process central.REQTest.EventACK"],
            "starting");
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_EQ(source.GetProgress().details["process central.REQPing.EventACK"],
            "stopped");
  EXPECT_EQ(source.GetProgress().details["process central.REQTest.EventACK"],
            "running");
  ASSERT_THAT(node.processes->StartConfigured("REQPing").status(), IsOk());
  const Reader reader(source);
  AwaitState(*node.processes, "REQPing", State::kRunning);
  Sender sender(server_.url());
  sender.Send("central.REQPing.EventACK",
              Encode(Request("REQPing"), Profile::kS1));
  sender.Await();
}

TEST_F(StewardSourceTest, AProcessThatEndedCanBeStartedAgain) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .stop_on_error = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const auto send = [&] {
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
  };
  send();
  FrameBatch first = ReadOne(source);
  send();
  FrameBatch late = ReadOne(source);
  first.receipt.Complete(Outcome::kSomeFailed);
  EXPECT_EQ(node.processes->Processes()[0].state, State::kEnded);
  ASSERT_THAT(node.processes->StartConfigured("REQPing").status(), IsOk());
  send();
  ReadOne(source).receipt.Complete(Outcome::kAllProcessed);
  // Of the run before.
  late.receipt.Complete(Outcome::kSomeFailed);
  EXPECT_EQ(node.processes->Processes()[0].state, State::kRunning);
  EXPECT_EQ(node.processes->Processes()[0].messages, 3u);
}

TEST_F(StewardSourceTest, ASubjectThatIsNotPermittedEndsThatProcessAlone) {
  const NatsServer server(R"(
    authorization {
      users = [
        { user: weir, password: a, permissions: {
            subscribe: { allow: "central.>", deny: [
              "central.REQNo1.>", "central.REQNo2.>", "central.REQNo3.>" ] } } }
        { user: node, password: b } ]
    })");
  StewardOptions options = Options();
  options.servers = {absl::StrCat("nats://weir:a@127.0.0.1:", server.port())};
  Node node(options, Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  ASSERT_THAT(node.source.Connect(), IsOk());
  Sender sender(absl::StrCat("nats://node:b@127.0.0.1:", server.port()));
  {
    const Reader reader(node.source);
    for (const char* method : {"REQNo1", "REQNo2", "REQYes"}) {
      ASSERT_THAT(node.processes->Start({.method = method}).status(), IsOk());
    }
    AwaitState(*node.processes, "REQNo1", State::kEnded);
    AwaitState(*node.processes, "REQNo2", State::kEnded);
    AwaitState(*node.processes, "REQYes", State::kRunning);
    for (const char* method : {"REQPing", "REQYes"}) {
      sender.Send(absl::StrCat("central.", method, ".EventACK"),
                  Encode(Request(method), Profile::kS1));
      sender.Await();
    }
  }
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_THAT(reports_[0], HasSubstr("central.REQNo1.EventACK has ended: the "
                                     "server does not permit"));
  // Nor does it keep the source from its next connection.
  node.source.Rearm();
  ASSERT_THAT(node.source.Connect(), IsOk());
  // Nor is it taken for permitted when it is started before that is noticed.
  ASSERT_THAT(node.processes->Start({.method = "REQNo1"}).status(), IsOk());
  {
    const Reader reader(node.source);
    AwaitState(*node.processes, "REQNo1", State::kEnded);
    AwaitState(*node.processes, "REQYes", State::kRunning);
  }
  // One of the configuration does.
  Node wrong(options, Central(Profile::kS1, {{.method = "REQNo3"}}), clock_);
  absl::Status status = wrong.source.Connect();
  FrameBatch none;
  if (status.ok()) status = wrong.source.Read(&none);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
}

TEST_F(StewardSourceTest, RepeatsAMessageAsItsScheduleSays) {
  FakeClock clock;
  Node node(Options(),
            Central(Profile::kS1, {{.method = "REQPing",
                                    .stop_on_error = true,
                                    .acknowledge_done = true}}),
            clock);
  StewardSource& source = node.source;
  // Reads one that its handlers are done with; returns its ID.
  const auto handle = [&] {
    FrameBatch batch = ReadOne(source);
    const int64_t id = IdOf(batch);
    batch.receipt.Complete(Outcome::kAllProcessed);
    return id;
  };
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const std::string subject = "central.REQPing.EventACK";
  Message scheduled = Request("REQPing");
  scheduled.schedule = {2, 5};
  sender.Send(subject, Encode(scheduled, Profile::kS1));
  FrameBatch first = ReadOne(source);
  const std::string bytes(first.frames[0]);
  EXPECT_FALSE(sender.Hear().has_value());
  first.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_EQ(sender.Await().data, "");
  EXPECT_EQ(source.GetProgress().counters["schedules_current"], 1u);

  // Others come between, and it is not held up by them.
  const Message other = Request("REQPing");
  sender.Send(subject, Encode(other, Profile::kS1));
  clock.Advance(absl::Seconds(2));
  FrameBatch again = ReadOne(source);
  EXPECT_EQ(again.frames[0], bytes);
  EXPECT_EQ(again.subjects[0], subject);
  EXPECT_EQ(again.received_at, clock.Now());
  again.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_FALSE(sender.Hear().has_value()) << "the first alone is acknowledged";
  EXPECT_EQ(handle(), other.id);
  sender.Await();
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(handle(), scheduled.id);
  EXPECT_EQ(source.GetProgress().counters["schedules_repeated"], 2u);
  EXPECT_EQ(source.GetProgress().counters.count("schedules_current"), 0u);

  // A repetition that fails ends the process, and the schedule with it.
  scheduled.id = ++last_id_;
  scheduled.schedule = {1, 1000};
  sender.Send(subject, Encode(scheduled, Profile::kS1));
  EXPECT_EQ(handle(), scheduled.id);
  clock.Advance(absl::Seconds(1));
  ReadOne(source).receipt.Complete(Outcome::kSomeFailed);
  EXPECT_EQ(node.processes->Processes()[0].state, State::kEnded);
  ASSERT_THAT(node.processes->StartConfigured("REQPing").status(), IsOk());
  clock.Advance(absl::Seconds(1));
  const Message last = Request("REQPing");
  sender.Send(subject, Encode(last, Profile::kS1));
  EXPECT_EQ(handle(), last.id);
  EXPECT_EQ(source.GetProgress().counters.count("schedules_current"), 0u);
}

TEST_F(StewardSourceTest, WaitsNoLongerThanUntilARepetitionIsDue) {
  Node node(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  ASSERT_THAT(node.source.Connect(), IsOk());
  Sender sender(server_.url());
  Message scheduled = Request("REQPing");
  scheduled.schedule = {1, 60};
  sender.Send("central.REQPing.EventACK", Encode(scheduled, Profile::kS1));
  EXPECT_EQ(IdOf(ReadOne(node.source)), scheduled.id);
  // Nothing else comes that would wake it.
  EXPECT_EQ(IdOf(ReadOne(node.source)), scheduled.id);
}

TEST_F(StewardSourceTest, FollowsAScheduleAfterAnOutageAndRefusesTooMany) {
  FakeClock clock;
  Node node(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  std::optional<Sender> sender(server_.url());
  const std::string subject = "central.REQPing.EventACK";
  Message scheduled = Request("REQPing");
  scheduled.schedule = {1, 1000};
  sender->Send(subject, Encode(scheduled, Profile::kS1));
  EXPECT_EQ(IdOf(ReadOne(source)), scheduled.id);
  sender.reset();
  server_.Kill();
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kUnavailable);
  clock.Advance(absl::Seconds(10));
  server_.Start();
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_EQ(IdOf(ReadOne(source)), scheduled.id);
  EXPECT_EQ(source.GetProgress().counters["schedules_missed"], 9u);

  sender.emplace(server_.url());
  for (size_t i = 1; i <= StewardSchedules::kMaxSchedules; ++i) {
    scheduled.id = ++last_id_;
    sender->Send(subject, Encode(scheduled, Profile::kS1), "received");
    if (i == StewardSchedules::kMaxSchedules) break;
    EXPECT_EQ(IdOf(ReadOne(source)), scheduled.id);
    EXPECT_EQ(sender->Await().word, "received");
  }
  const Message last = Request("REQPing");
  sender->Send(subject, Encode(last, Profile::kS1));
  EXPECT_EQ(IdOf(ReadOne(source)), last.id);
  const Sender::Answer refused = sender->Await();
  EXPECT_EQ(refused.word, "failed");
  EXPECT_THAT(refused.data, HasSubstr("too_many_schedules"));
  EXPECT_EQ(source.GetProgress().skipped_by_reason["too_many_schedules"], 1u);
}

TEST_F(StewardSourceTest, CountsByTheNamesOfTheOriginals) {
  Node node(Options(),
            Central(Profile::kS1, {{.method = "REQErrorLog"},
                                   {.method = "REQPing", .stop_on_error = true},
                                   {.method = "REQTest"}}),
            clock_);
  StewardSource& source = node.source;
  const auto count = [&](const char* name) {
    return source.GetProgress().counters[name];
  };
  EXPECT_EQ(count("processes_total"), 3u);
  EXPECT_EQ(count("processes_all_running"), 0u) << "it is not connected";
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_EQ(count("processes_all_running"), 3u);
  ASSERT_THAT(node.processes->Stop("REQTest").status(), IsOk());
  ASSERT_THAT(node.processes->Start({.method = "REQHello"}).status(), IsOk());
  EXPECT_EQ(count("processes_total"), 3u);
  EXPECT_EQ(count("processes_all_running"), 2u);
  node.processes->Fail(node.processes->FindMethod("REQPing")->run, "why");
  EXPECT_EQ(count("processes_total"), 2u);

  Sender sender(server_.url());
  const auto send = [&](const std::string& method) {
    const Message message = Request(method);
    sender.Send(SubjectOf(Profile::kS1, "central", method),
                Encode(message, Profile::kS1));
    EXPECT_EQ(IdOf(ReadOne(source)), message.id);
  };
  send("REQErrorLog");  // Has the source follow.
  send("REQHello");
  send("REQErrorLog");
  EXPECT_EQ(count("processes_all_running"), 2u) << "REQErrorLog and REQHello";
  EXPECT_EQ(count("error_messages_received_total"), 2u);
}

TEST_F(StewardSourceTest, AProcessThatContinuesDoes) {
  Node node(Options(), Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  for (int i = 0; i < 3; ++i) {
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    ReadOne(source).receipt.Complete(Outcome::kSomeFailed);
    sender.Await();
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StewardSourceTest, DoesNotAnswerByAnotherConnectionThanItWasAskedBy) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .acknowledge_done = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  std::optional<FrameBatch> before;
  {
    Sender sender(server_.url());
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    before = ReadOne(source);
  }
  server_.Kill();
  FrameBatch batch;
  EXPECT_EQ(source.Read(&batch).code(), absl::StatusCode::kUnavailable);
  server_.Start();
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  before->receipt.Complete(Outcome::kAllProcessed);
  EXPECT_FALSE(sender.Hear().has_value());
  EXPECT_THAT(Acks(source), ElementsAre(Pair("acks_late", 1)));
  // Sent again, it is answered.
  sender.Send("central.REQPing.EventACK",
              Encode(Request("REQPing"), Profile::kS1));
  ReadOne(source).receipt.Complete(Outcome::kAllProcessed);
  sender.Await();
}

TEST_F(StewardSourceTest, ReceiptsMayOutliveIt) {
  Receipt receipt;
  {
    Node node(Options(),
              Central(Profile::kS1, {{.method = "REQPing",
                                      .stop_on_error = true,
                                      .acknowledge_done = true}}),
              clock_);
    StewardSource& source = node.source;
    ASSERT_THAT(source.Connect(), IsOk());
    Sender sender(server_.url());
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    receipt = std::move(ReadOne(source).receipt);
  }
  receipt.Complete(Outcome::kSomeFailed);
}

TEST_F(StewardSourceTest, WhatIsDoneAfterAnInterruptIsStillAcknowledged) {
  Node node(
      Options(),
      Central(Profile::kS1, {{.method = "REQPing", .acknowledge_done = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  sender.Send("central.REQPing.EventACK",
              Encode(Request("REQPing"), Profile::kS1));
  FrameBatch first = ReadOne(source);
  std::thread interrupter([&] { source.Interrupt(); });
  FrameBatch none;
  EXPECT_EQ(source.Read(&none).code(), absl::StatusCode::kCancelled);
  interrupter.join();
  first.receipt.Complete(Outcome::kAllProcessed);
  sender.Await();
  // And nothing more is taken from others of the group.
  natsConnection* other = nullptr;
  natsSubscription* subscription = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&other, server_.url().c_str()), NATS_OK);
  ASSERT_EQ(natsConnection_QueueSubscribeSync(&subscription, other,
                                              "central.REQPing.EventACK",
                                              "central.REQPing.EventACK"),
            NATS_OK);
  ASSERT_EQ(natsConnection_Flush(other), NATS_OK);
  for (int i = 0; i < 10; ++i) {
    sender.Send("central.REQPing.EventACK",
                Encode(Request("REQPing"), Profile::kS1));
    natsMsg* message = nullptr;
    EXPECT_EQ(natsSubscription_NextMsg(&message, subscription, 60'000),
              NATS_OK);
    natsMsg_Destroy(message);
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(other);
}

TEST_F(StewardSourceTest, AnAnswerThatIsNotPermittedEndsNothing) {
  const NatsServer server(R"(
    authorization {
      users = [
        { user: weir, password: a, permissions: {
            subscribe: "central.>", publish: "open.>" } }
        { user: node, password: b } ]
    })");
  StewardOptions options = Options();
  options.servers = {absl::StrCat("nats://weir:a@127.0.0.1:", server.port())};
  Node node(options, Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  const std::string url =
      absl::StrCat("nats://node:b@127.0.0.1:", server.port());
  Sender closed(url, "closed.1");
  closed.Send("central.REQPing.EventACK",
              Encode(Request("REQPing"), Profile::kS1));
  ReadOne(source);
  Sender open(url, "open.1");
  open.Send("central.REQPing.EventACK",
            Encode(Request("REQPing"), Profile::kS1));
  ReadOne(source);
  open.Await();
  // The server's word on it comes by another way than the answers.
  for (int i = 0;
       i < 10'000 && source.GetProgress().counters.count("acks_forbidden") == 0;
       ++i) {
    open.Flush();
  }
  EXPECT_EQ(source.GetProgress().counters["acks_forbidden"], 1u);
}

TEST_F(StewardSourceTest, ReadsKeysAtEachConnect) {
  StewardOptions options = Options();
  options.keys_file =
      absl::StrCat(::testing::TempDir(), "/steward_source_keys.json");
  Node node(
      options,
      Central(Profile::kS1, {{.method = "REQPing", .require_signature = true}}),
      clock_);
  StewardSource& source = node.source;
  std::ofstream(options.keys_file) << "nonsense";
  absl::Status status = source.Connect();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kAuth);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.keys_file));
  std::ofstream(options.keys_file)
      << R"({"Keys":{"node1":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}})";
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  Message request = Request("REQPing");
  request.method_args = {"bash", "-c", "echo hi"};
  request.arg_signature = std::string(64, 'x');
  sender.Send("central.REQPing.EventACK", Encode(request, Profile::kS1));
  request.arg_signature = absl::HexStringToBytes(
      "6006aa1278ca8a082c5fb4652d93f8ef654efd0c52865b1bc154898be867bc5781e3b585"
      "f4e2476616a2a1f0d2a89eb5b6c076c5989af58cc11d057e6a49c106");
  request.id = 77;
  sender.Send("central.REQPing.EventACK", Encode(request, Profile::kS1));
  EXPECT_EQ(IdOf(ReadOne(source)), 77);
  EXPECT_THAT(source.GetProgress().skipped_by_reason,
              ElementsAre(Pair("bad_signature", 1)));
}

TEST_F(StewardSourceTest, AcknowledgesWhatComesTwiceAndHandsItOutOnce) {
  StewardOptions options = Options();
  options.duplicate_window = absl::Hours(1);
  Node node(options, Central(Profile::kS1, {{.method = "REQPing"}}), clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const std::string subject = "central.REQPing.EventACK";
  const Message request = Request("REQPing");
  sender.Send(subject, Encode(request, Profile::kS1));
  sender.Send(subject, Encode(request, Profile::kS1));
  // The same ID, of another start of the sender or of another sender.
  Message other = request;
  other.data.emplace(1, "other");
  sender.Send(subject, Encode(other, Profile::kS1));
  other.from_node = "node2";
  sender.Send(subject, Encode(other, Profile::kS1));
  const Message last = Request("REQPing");
  sender.Send(subject, Encode(last, Profile::kS1));
  // What handlers do not get is forgotten, so they hold it.
  std::vector<FrameBatch> held;
  for (const int64_t id : {request.id, request.id, request.id, last.id}) {
    held.push_back(ReadOne(source));
    EXPECT_EQ(IdOf(held.back()), id);
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sender.Await().data, "");
  EXPECT_EQ(source.GetProgress().counters["duplicates"], 1u);
  EXPECT_EQ(source.GetProgress().counters["acks_received"], 5u);
}

TEST_F(StewardSourceTest, WhatFailedIsNoDuplicateWhenItComesAgain) {
  StewardOptions options = Options();
  options.duplicate_window = absl::Hours(1);
  Node node(
      options,
      Central(Profile::kS1, {{.method = "REQPing", .acknowledge_done = true}}),
      clock_);
  StewardSource& source = node.source;
  ASSERT_THAT(source.Connect(), IsOk());
  Sender sender(server_.url());
  const std::string subject = "central.REQPing.EventACK";
  const Message request = Request("REQPing");
  const steward::Payload payload = Encode(request, Profile::kS1);
  sender.Send(subject, payload, "done");
  FrameBatch first = ReadOne(source);
  // While the first is under way, and then an end to read up to.
  sender.Send(subject, payload, "done");
  const Message marker = Request("REQPing");
  sender.Send(subject, Encode(marker, Profile::kS1), "received");
  EXPECT_EQ(IdOf(ReadOne(source)), marker.id);
  EXPECT_EQ(sender.Await().word, "received");
  EXPECT_FALSE(sender.Hear().has_value()) << "neither is answered yet";
  first.receipt.Complete(Outcome::kSomeFailed);
  EXPECT_EQ(sender.Await().word, "failed");

  sender.Send(subject, payload, "done");
  FrameBatch again = ReadOne(source);
  EXPECT_EQ(IdOf(again), request.id);
  again.receipt.Complete(Outcome::kAllProcessed);
  EXPECT_EQ(sender.Await().word, "done");
  sender.Send(subject, payload, "done");
  sender.Send(subject, Encode(Request("REQPing"), Profile::kS1));
  ReadOne(source);
  EXPECT_EQ(sender.Await().word, "done") << "and is not done once more";
  EXPECT_EQ(source.GetProgress().counters["duplicates"], 2u);
}

}  // namespace
}  // namespace weir
