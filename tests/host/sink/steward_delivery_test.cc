#include "host/sink/steward_delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/control/steward_outbox.h"
#include "host/status/error_info.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using steward::Message;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Outcome = Delivery::Outcome;

// Takes all that is not for "bad", while it is told to.
class FakeOutbox final : public StewardOutbox {
 public:
  const std::string& node() const override { return node_; }
  steward::Profile profile() const override { return steward::Profile::kS1; }
  const std::string& public_key() const override { return node_; }
  void Post(std::vector<Message> messages, Done done) override {
    done(Send(std::move(messages)));
  }
  absl::Status Send(std::vector<Message> messages) override {
    if (!status.ok()) return status;
    for (const Message& message : messages) {
      if (message.to_node == "bad node") {
        return absl::InvalidArgumentError("toNode");
      }
    }
    for (Message& message : messages) sent.push_back(std::move(message));
    return absl::OkStatus();
  }
  void SendNow(Message) override {}
  void ReportError(absl::string_view) override {}

  absl::Status status;
  std::vector<Message> sent;

 private:
  const std::string node_ = "central";
};

v1::Event EventOf(int seq, const std::string& subject = "s") {
  v1::Event event;
  event.set_id(absl::StrCat("7k2mq9xv-", seq));
  event.set_type("a.b");
  event.set_subject(subject);
  event.set_severity(v1::SEVERITY_WARNING);
  event.set_source("plugins/x");
  return event;
}

class StewardDeliveryTest : public ::testing::Test {
 protected:
  Delivery::Result Deliver(const std::vector<v1::Event>& events) {
    std::vector<const v1::Event*> pointers;
    for (const v1::Event& event : events) pointers.push_back(&event);
    return delivery_.Deliver(pointers);
  }

  FakeOutbox outbox_;
  StewardDelivery delivery_{{.source = "sources/central",
                             .to_node = "{subject}",
                             .method = "REQToFileAppend",
                             .method_args = {"{type}", "{id}, {source}"},
                             .directory = "weir/{severity}",
                             .file_name = "{type}.log",
                             .ack_timeout = 7,
                             .retries = 2},
                            outbox_};
};

TEST_F(StewardDeliveryTest, MakesAMessageOfAnEvent) {
  const Delivery::Result result = Deliver({EventOf(1, "node1")});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kDelivered));
  ASSERT_EQ(outbox_.sent.size(), 1u);
  const Message& message = outbox_.sent[0];
  EXPECT_EQ(message.to_node, "node1");
  EXPECT_EQ(message.method, "REQToFileAppend");
  EXPECT_THAT(*message.method_args,
              ElementsAre("a.b", "7k2mq9xv-1, plugins/x"));
  EXPECT_EQ(message.directory, "weir/warning");
  EXPECT_EQ(message.file_name, "a.b.log");
  EXPECT_EQ(message.ack_timeout, 7);
  EXPECT_EQ(message.retries, 2);
  EXPECT_EQ((*message.data)[0],
            R"({"id":"7k2mq9xv-1","type":"a.b","source":"plugins/x",)"
            R"("subject":"node1","severity":"SEVERITY_WARNING"})"
            "\n");
  EXPECT_EQ(result.bytes, (*message.data)[0].size());
}

TEST_F(StewardDeliveryTest, RejectsTheOneOfWhichNoMessageCanBeMade) {
  EXPECT_THAT(
      Deliver({EventOf(1, "a"), EventOf(2, "bad node"), EventOf(3, "b")})
          .outcomes,
      ElementsAre(Outcome::kDelivered, Outcome::kRejected,
                  Outcome::kDelivered));
  ASSERT_EQ(outbox_.sent.size(), 2u);
  EXPECT_EQ(outbox_.sent[1].to_node, "b");
  outbox_.status = MakeError(absl::StatusCode::kResourceExhausted, "too large",
                             {.reason = "OUTBOX_MESSAGE_TOO_LARGE"});
  EXPECT_THAT(Deliver({EventOf(4)}).outcomes, ElementsAre(Outcome::kRejected));
}

TEST_F(StewardDeliveryTest, TriesAgainWhatTheOutboxHasNoRoomFor) {
  outbox_.status = MakeError(absl::StatusCode::kResourceExhausted, "full",
                             {.reason = "OUTBOX_FULL"});
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed, Outcome::kFailed));
  EXPECT_EQ(result.error.code(), absl::StatusCode::kResourceExhausted);
  outbox_.status = absl::OkStatus();
  EXPECT_THAT(Deliver({EventOf(1), EventOf(2)}).outcomes,
              ElementsAre(Outcome::kDelivered, Outcome::kDelivered));
}

TEST_F(StewardDeliveryTest, PassesOverWhatItsOwnOutboxGaveUp) {
  v1::Event own = EventOf(1);
  own.set_type("weir.steward.given_up");
  own.set_source("sources/central");
  v1::Event other = own;
  other.set_source("sources/other");
  EXPECT_THAT(Deliver({own}).outcomes, ElementsAre(Outcome::kDelivered));
  EXPECT_THAT(outbox_.sent, IsEmpty());
  EXPECT_THAT(Deliver({own, other}).outcomes,
              ElementsAre(Outcome::kDelivered, Outcome::kDelivered));
  EXPECT_EQ(outbox_.sent.size(), 1u);
}

}  // namespace
}  // namespace weir
