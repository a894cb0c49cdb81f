#include "host/source/steward_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_outbox.h"
#include "host/control/steward_outboxes.h"
#include "host/pipeline/message.h"
#include "host/pipeline/name_table.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/profile.h"
#include "tests/fakes/fake_steward_outbox.h"
#include "tests/lib/steward/vectors.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using steward::Layout;
using steward::Profile;

class StewardRepliesTest : public testing::Test, public StewardOutboxes {
 protected:
  StewardRepliesTest() { source_ = sources_.Intern("network"); }

  StewardOutbox* Find(absl::string_view source) override {
    return source == "sources/network" ? &outbox_ : nullptr;
  }
  std::vector<std::string> sources() const override { return {}; }

  // Answers `request`, which came in `layout`.
  absl::Status Reply(const steward::Message& request, Layout layout,
                     std::string data = "hi\n", absl::string_view suffix = "") {
    payload_ = steward::EncodeMessage(request, layout);
    return ReplyTo(source_, std::move(data), suffix);
  }
  absl::Status ReplyTo(uint16_t source, std::string data = "",
                       absl::string_view suffix = "") {
    Message message = {};
    message.view.source_id = source;
    message.view.base = reinterpret_cast<const uint8_t*>(payload_.data());
    message.view.base_len = static_cast<uint32_t>(payload_.size());
    return replies_.Reply(message, std::move(data), suffix,
                          [this](const absl::Status& kept) { kept_ = kept; });
  }

  FakeStewardOutbox outbox_{"node2"};
  NameTable sources_;
  uint16_t source_ = 0;
  StewardReplies replies_{*this, sources_};
  std::string payload_;
  std::optional<absl::Status> kept_;
};

TEST_F(StewardRepliesTest, GoToTheOutboxOfTheNodeThatGotTheMessage) {
  ASSERT_THAT(Reply(steward::Cli(), Layout::kC4), IsOk());
  ASSERT_EQ(outbox_.posted.size(), 1u);
  steward::Message reply = outbox_.posted[0];
  reply.id = 1000;  // The outbox counts.
  EXPECT_EQ(reply, steward::Reply(steward::Cli()));
}

TEST_F(StewardRepliesTest, SayWhenTheyAreOnTheDisk) {
  ASSERT_THAT(Reply(steward::Cli(), Layout::kC4), IsOk());
  EXPECT_EQ(kept_, std::nullopt);
  outbox_.later(absl::FailedPreconditionError("disk full"));
  EXPECT_EQ(kept_, absl::FailedPreconditionError("disk full"));
  outbox_.at_once = true;
  ASSERT_THAT(Reply(steward::Cli(), Layout::kC4), IsOk());
  EXPECT_EQ(kept_, absl::OkStatus());
}

TEST_F(StewardRepliesTest, AreRefusedAtOnceAndThenNotTold) {
  outbox_.refuse = absl::ResourceExhaustedError("full");
  EXPECT_EQ(Reply(steward::Cli(), Layout::kC4), outbox_.refuse);
  EXPECT_EQ(kept_, std::nullopt);
}

TEST_F(StewardRepliesTest, AreNotSentToWhoWantsNone) {
  steward::Message request = steward::Cli();
  request.reply_method = "none";
  EXPECT_THAT(Reply(request, Layout::kC4),
              StatusIs(absl::StatusCode::kNotFound, testing::_));
  EXPECT_THAT(Reply(steward::Reply(steward::Cli()), Layout::kC4),
              StatusIs(absl::StatusCode::kNotFound, testing::_));
  EXPECT_TRUE(outbox_.posted.empty());
}

TEST_F(StewardRepliesTest, AreNotSentByASourceThatSendsNothing) {
  payload_ = steward::EncodeMessage(steward::Cli(), Layout::kC4);
  EXPECT_THAT(ReplyTo(sources_.Intern("other")),
              StatusIs(absl::StatusCode::kUnimplemented,
                       testing::HasSubstr("source other sends nothing")));
}

TEST_F(StewardRepliesTest, AreNotSentToWhatIsNoMessage) {
  payload_ = "{\"no\": ";
  EXPECT_THAT(ReplyTo(source_),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::_));
  payload_.clear();
  EXPECT_THAT(ReplyTo(source_),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::_));
}

TEST_F(StewardRepliesTest, AreTextForS0) {
  outbox_.set_profile(Profile::kS0);
  ASSERT_THAT(Reply(steward::InSteward(steward::Cli()), Layout::kS0,
                    "caf\xe9 \xc3\xa9"),
              IsOk());
  EXPECT_NE(outbox_.posted[0].data->at(0), "caf\xe9 \xc3\xa9");
  const std::string bytes =
      steward::EncodeMessage(outbox_.posted[0], Layout::kS0);
  EXPECT_THAT(steward::DecodeMessage(bytes).status(), IsOk())
      << "its receiver takes UTF-8 alone";
}

// A node takes messages of any release, and sends those of its own.
TEST_F(StewardRepliesTest, HaveNothingThatTheNodesReleaseDoesNotKnow) {
  steward::Message request = steward::Cli();
  request.reply_method_instructions = {"x"};
  request.use_detected_shell = true;
  outbox_.set_profile(Profile::kS0);
  ASSERT_THAT(Reply(request, Layout::kC4), IsOk());
  const steward::Message& reply = outbox_.posted[0];
  EXPECT_EQ(reply.retry_wait, 0);
  EXPECT_EQ(reply.method_instructions, std::nullopt);
  EXPECT_EQ(reply.previous_message->schedule, std::nullopt);
  EXPECT_FALSE(reply.previous_message->use_detected_shell);
  EXPECT_EQ(reply.data->at(0), "hi\n");
}

TEST_F(StewardRepliesTest, KeepBytesForAllOthers) {
  const std::string bytes = {'\xff', '\0', 'z'};
  ASSERT_THAT(Reply(steward::Cli(), Layout::kC4, bytes, ".error"), IsOk());
  EXPECT_EQ(outbox_.posted[0].data->at(0), bytes);
  EXPECT_EQ(outbox_.posted[0].file_name, "f.log.error");
}

}  // namespace
}  // namespace weir
