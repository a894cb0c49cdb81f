#include "host/source/steward_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "host/source/steward_processes.h"
#include "lib/steward/compression.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/refusal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/lib/steward/vectors.h"

namespace weir {
namespace {

using steward::Layout;
using steward::Message;
using steward::Profile;
using ::testing::HasSubstr;

constexpr steward::PayloadHeaders kCbor = {.serial = "cbor"};

Message Hello() { return steward::InSteward(steward::Hello()); }

// Of the seed 00 01 ... 1f, over the arguments "bash", "-c", "echo hi".
Message SignedCli() {
  Message cli = steward::InSteward(steward::Cli());
  cli.to_node = "central";
  cli.arg_signature = absl::HexStringToBytes(
      "6006aa1278ca8a082c5fb4652d93f8ef654efd0c52865b1bc154898be867bc5781e3b585"
      "f4e2476616a2a1f0d2a89eb5b6c076c5989af58cc11d057e6a49c106");
  return cli;
}

steward::PublicKeys Keys() {
  return {{"node1",
           absl::HexStringToBytes("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba5"
                                  "0d5f1ddc8664125531b8")}};
}

StewardNode Node() {
  return {.name = "central",
          .profile = Profile::kS1,
          .processes = {{.method = "REQHello"},
                        {.method = "REQCliCommand",
                         .allowed_senders = {"node1", "node2"},
                         .require_signature = true},
                        {.method = "REQTest"}},
          .stopped = {"REQTest"}};
}

std::shared_ptr<StewardProcesses> ProcessesOf(const StewardNode& node) {
  static const auto* const clock = new FakeClock();
  return std::make_shared<StewardProcesses>(node, *clock);
}

constexpr char kHello[] = "central.REQHello.EventNACK";
constexpr char kCli[] = "central.REQCliCommand.EventACK";

TEST(StewardGateTest, AdmitsWhatIsForAProcess) {
  StewardGate gate(ProcessesOf(Node()), 4096);
  gate.SetKeys(Keys());
  // Of whatever release, packed or not.
  for (const Layout layout : {Layout::kS0, Layout::kS1, Layout::kC4}) {
    Message hello = Hello();
    if (layout == Layout::kS0) {
      hello.data.reset();
      hello.arg_signature.reset();
    }
    const std::string cbor = EncodeMessage(hello, layout);
    const auto admitted = gate.Admit(kHello, kCbor, cbor);
    ASSERT_TRUE(admitted.ok()) << admitted.status();
    EXPECT_EQ(admitted->process.settings->method, "REQHello");
    EXPECT_EQ(admitted->process.subject, kHello);
    EXPECT_EQ(admitted->decoded.message, hello);
    EXPECT_EQ(admitted->decoded.layout, layout);
    EXPECT_EQ(admitted->unpacked, cbor);
    const auto packed = gate.Admit(kHello, {.serial = "cbor", .cmp = "z"},
                                   Compress(steward::Compression::kZstd, cbor));
    ASSERT_TRUE(packed.ok()) << packed.status();
    EXPECT_EQ(packed->unpacked, cbor);
  }
  const auto cli =
      gate.Admit(kCli, kCbor, EncodeMessage(SignedCli(), Layout::kS1));
  ASSERT_TRUE(cli.ok()) << cli.status();
  EXPECT_EQ(cli->process.settings->method, "REQCliCommand");
}

struct Refused {
  const char* why;
  const char* subject;
  std::string bytes;
  const char* reason;
  const char* text;
};

TEST(StewardGateTest, RefusesWithAReason) {
  StewardGate gate(ProcessesOf(Node()), 4096);
  gate.SetKeys(Keys());
  const auto s1 = [](const Message& message) {
    return EncodeMessage(message, Layout::kS1);
  };
  Message forged = Hello();
  forged.to_node = "node2";
  Message scheduled = Hello();
  scheduled.schedule = {0, 0};
  Message stranger = SignedCli();
  stranger.from_node = "node3";
  Message unknown = SignedCli();
  unknown.from_node = "node2";
  Message changed = SignedCli();
  changed.method_args = {"bash", "-c", "rm -rf /"};
  Message unsigned_one = SignedCli();
  unsigned_one.arg_signature.reset();
  Message test = Hello();
  test.method = "REQTest";
  Message ping = Hello();
  ping.method = "REQPing";
  for (const Refused& row : {
           Refused{"garbage", kHello, "garbage", "bad_cbor", "byte"},
           {"nothing", kHello, "", "bad_cbor", "message"},
           {"null", kHello, "\xf6", "bad_cbor", "null"},
           {"another length", kHello, "\x98\x1a", "unknown_layout", "26"},
           {"too much", kHello, std::string(5000, '\x97'), "too_long", "4096"},
           {"another node", kHello, s1(forged), "wrong_subject",
            "method REQHello for node \"node2\""},
           {"another method", kHello, s1(SignedCli()), "wrong_subject",
            "method REQCliCommand for node \"central\""},
           {"a subject of no process", "central.REQPing.EventACK", s1(Hello()),
            "unknown_method", "no process"},
           {"a process that is stopped", "central.REQTest.EventACK", s1(test),
            "process_ended", "whose process is stopped"},
           {"a process that is not there any more", "central.REQPing.EventACK",
            s1(ping), "process_ended", "whose process was stopped"},
           {"a schedule without a pause", kHello, s1(scheduled), "bad_schedule",
            "[0, 0]"},
           {"a sender that may not", kCli, s1(stranger), "sender_not_allowed",
            "node \"node3\""},
           {"a sender without a key", kCli, s1(unknown), "bad_signature",
            "node \"node2\""},
           {"other arguments than signed", kCli, s1(changed), "bad_signature",
            "not its own"},
           {"no signature", kCli, s1(unsigned_one), "bad_signature",
            "not signed"},
       }) {
    const absl::Status status =
        gate.Admit(row.subject, kCbor, row.bytes).status();
    EXPECT_FALSE(status.ok()) << row.why;
    EXPECT_EQ(steward::RefusalOf(status), row.reason) << row.why << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.text)) << row.why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.subject));
  }
  const absl::Status gob = gate.Admit(kHello, {}, "\x1a\xff\x81\x03").status();
  EXPECT_EQ(steward::RefusalOf(gob), "gob");
  EXPECT_THAT(std::string(gob.message()), HasSubstr("-serialization cbor"));
}

TEST(StewardGateTest, GoesByTheBodyIfAnySubjectWillDo) {
  StewardNode node = Node();
  node.any_subject = true;
  StewardGate gate(ProcessesOf(node), 4096);
  gate.SetKeys(Keys());
  // What the body says decides, so it is held to that process's rules.
  const std::string cli = EncodeMessage(SignedCli(), Layout::kS1);
  const auto admitted = gate.Admit(kHello, kCbor, cli);
  ASSERT_TRUE(admitted.ok()) << admitted.status();
  EXPECT_EQ(admitted->process.settings->method, "REQCliCommand");
  Message unsigned_one = SignedCli();
  unsigned_one.arg_signature.reset();
  EXPECT_EQ(
      steward::RefusalOf(
          gate.Admit(kHello, kCbor, EncodeMessage(unsigned_one, Layout::kS1))
              .status()),
      "bad_signature");
  Message ping = Hello();
  ping.method = "REQPing";
  EXPECT_EQ(
      steward::RefusalOf(
          gate.Admit(kHello, kCbor, EncodeMessage(ping, Layout::kS1)).status()),
      "unknown_method");
}

}  // namespace
}  // namespace weir
