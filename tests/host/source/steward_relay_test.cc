#include "host/source/steward_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "absl/status/status.h"
#include "lib/steward/message.h"
#include "lib/steward/refusal.h"
#include "lib/steward/relay.h"
#include "lib/steward/reply.h"
#include "tests/fakes/fake_steward_outbox.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class StewardRelayTest : public ::testing::Test {
 protected:
  // What node1 wants of node3.
  static steward::Message Relay() {
    steward::Message message;
    message.to_node = "node3";
    message.method = "REQCliCommand";
    message.reply_method = "REQToFile";
    message.relay_via_node = "via1";
    message.relay_reply_method = "REQToConsole";
    steward::MakeRelay("node1", &message);
    message.from_node = "node1";
    return message;
  }

  absl::Status PassOn(const steward::Message& message) {
    return relay_.PassOn(
        message, [this](const absl::Status& status) { kept_ = status; });
  }

  FakeStewardOutbox outbox_{"via1"};
  StewardRelay relay_{outbox_};
  std::optional<absl::Status> kept_;
};

TEST_F(StewardRelayTest, SendsOnWhatIsForAnotherAndSaysWhenItIsKept) {
  EXPECT_TRUE(StewardRelay::IsToPassOn(Relay()));
  ASSERT_THAT(PassOn(Relay()), IsOk());
  ASSERT_THAT(outbox_.posted, SizeIs(1));
  EXPECT_EQ(outbox_.posted[0].to_node, "node3");
  EXPECT_EQ(outbox_.posted[0].method, "REQCliCommand");
  EXPECT_FALSE(StewardRelay::IsToPassOn(outbox_.posted[0]));
  EXPECT_EQ(kept_, std::nullopt);
  outbox_.later(absl::FailedPreconditionError("disk full"));
  EXPECT_EQ(kept_, absl::FailedPreconditionError("disk full"));
}

TEST_F(StewardRelayTest, SendsACopyOfTheAnswerToWhereItBegan) {
  outbox_.at_once = true;
  ASSERT_THAT(PassOn(Relay()), IsOk());
  const steward::Message answer = steward::MakeReply(outbox_.posted[0], "hi");
  outbox_.posted.clear();
  ASSERT_THAT(relay_.PassBack(answer), IsOk());
  ASSERT_THAT(outbox_.posted, SizeIs(1));
  EXPECT_EQ(outbox_.posted[0].to_node, "node1");
  EXPECT_EQ(outbox_.posted[0].method, "REQToConsole");
  EXPECT_EQ(outbox_.posted[0].data, answer.data);

  // Other answers are nobody else's.
  outbox_.posted.clear();
  steward::Message request = Relay();
  request.relay_original_via_node = "via2";
  EXPECT_THAT(relay_.PassBack(steward::MakeReply(request, "hi")), IsOk());
  request.relay_original_via_node.clear();
  EXPECT_THAT(relay_.PassBack(steward::MakeReply(request, "hi")), IsOk());
  EXPECT_THAT(relay_.PassBack(request), IsOk());
  EXPECT_THAT(outbox_.posted, IsEmpty());
}

TEST_F(StewardRelayTest, SaysWhyItDoesNotAndThenTellsNothing) {
  steward::Message round = Relay();
  round.relay_original_method = "REQRelay";
  absl::Status status = PassOn(round);
  EXPECT_EQ(steward::RefusalOf(status), "bad_relay");

  outbox_.refuse = absl::ResourceExhaustedError("full");
  status = PassOn(Relay());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(steward::RefusalOf(status), "relay_failed");
  EXPECT_EQ(kept_, std::nullopt);

  const steward::Message answer =
      steward::MakeReply(steward::PassOn(Relay(), "via1").value(), "");
  EXPECT_EQ(steward::RefusalOf(relay_.PassBack(answer)), "relay_failed");
}

}  // namespace
}  // namespace weir
