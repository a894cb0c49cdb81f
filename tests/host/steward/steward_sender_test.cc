#include "host/steward/steward_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/steward/outgoing.h"
#include "lib/steward/compression.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir {
namespace {

using steward::Message;
using steward::Profile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using Outcome = StewardSender::Outcome;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// What is published is kept; the test answers.
class FakeNetwork final : public StewardTransport {
 public:
  absl::StatusOr<std::string> ReplySubject(const std::string& subject,
                                           uint64_t number) override {
    return shared ? absl::StrCat(subject, ".reply")
                  : absl::StrCat("_INBOX.x.", number);
  }
  absl::Status Publish(const std::string& subject, const std::string& reply,
                       const steward::Payload&) override {
    if (down) return absl::UnavailableError("down");
    published.emplace_back(subject, reply);
    return absl::OkStatus();
  }
  absl::Status Flush() override {
    ++flushes;
    return down ? absl::UnavailableError("down") : absl::OkStatus();
  }
  bool Refused(const std::string& subject) override {
    return subject == refused;
  }
  size_t max_payload() const override { return max; }

  bool shared = false;
  bool down = false;
  size_t max = 1 << 20;
  std::string refused;
  int flushes = 0;
  std::vector<std::pair<std::string, std::string>> published;
};

class StewardSenderTest : public ::testing::Test, public StewardSender::Keeper {
 protected:
  absl::StatusOr<Outgoing> Load(uint64_t number) override {
    return MakeOutgoing(messages_[number], profile_,
                        steward::Compression::kNone);
  }
  void Settled(uint64_t number, Outcome outcome,
               absl::string_view why) override {
    settled_.emplace_back(number, outcome);
    whys_[number] = std::string(why);
  }

  static Message Command(int64_t ack_timeout, int64_t retries,
                         int64_t retry_wait = 0) {
    Message message;
    message.to_node = "central";
    message.method = "REQCliCommand";
    message.from_node = "weir";
    message.ack_timeout = ack_timeout;
    message.retries = retries;
    message.retry_wait = retry_wait;
    return message;
  }

  void Add(const Message& message) {
    messages_[++last_] = message;
    sender_.Add(last_, SubjectOf(message),
                MakeOutgoing(message, profile_, steward::Compression::kNone)
                    .acknowledged);
  }
  std::string SubjectOf(const Message& message) const {
    return MakeOutgoing(message, profile_, steward::Compression::kNone).subject;
  }
  void Answer(uint64_t number, const std::string& word = "",
              const std::string& data = "") {
    sender_.Answered(absl::StrCat("_INBOX.x.", number),
                     {.word = word, .data = data}, now_);
  }
  void NoResponders(uint64_t number) {
    sender_.Answered(absl::StrCat("_INBOX.x.", number), {.no_responders = true},
                     now_);
  }
  // Lets time pass until `end`, doing what is due when it is.
  void RunUntil(double end_seconds) {
    const auto end = static_cast<int64_t>(end_seconds * 1e9);
    for (int at_once = 0;;) {
      const size_t before = network_.published.size();
      const int64_t next = sender_.Turn(now_);
      for (size_t i = before; i < network_.published.size(); ++i) {
        times_.push_back(std::round(static_cast<double>(now_) * 1e-6) / 1000);
      }
      if (next > end) break;
      at_once = next <= now_ ? at_once + 1 : 0;
      ASSERT_LT(at_once, 10) << "a busy loop";
      now_ = std::max(now_, next);
    }
    now_ = end;
  }

  Profile profile_ = Profile::kS1;
  FakeNetwork network_;
  std::mt19937_64 random_{1};
  StewardSender sender_{{}, network_, *this, random_};
  std::map<uint64_t, Message> messages_;
  uint64_t last_ = 0;
  int64_t now_ = 0;
  std::vector<double> times_;
  std::vector<std::pair<uint64_t, Outcome>> settled_;
  std::map<uint64_t, std::string> whys_;
};

TEST_F(StewardSenderTest, FromS1OnSendsRetriesPlusOneTimesWithThePauseBetween) {
  sender_.Connected();
  Add(Command(/*ack_timeout=*/1, /*retries=*/2, /*retry_wait=*/1));
  RunUntil(30);
  EXPECT_THAT(times_, ElementsAre(0, 2, 4));
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp)));
  EXPECT_THAT(whys_[1], HasSubstr("sent 3 times"));
}

TEST_F(StewardSenderTest, FromS1OnWithoutRetriesSendsOnce) {
  sender_.Connected();
  Add(Command(1, 0));
  RunUntil(30);
  EXPECT_THAT(times_, ElementsAre(0));
}

TEST_F(StewardSenderTest, InS0SendsAsOftenAsRetriesSayAndWithoutAPause) {
  profile_ = Profile::kS0;
  sender_.Connected();
  Add(Command(2, 2, 100));
  RunUntil(30);
  EXPECT_THAT(times_, ElementsAre(0, 2));
  times_.clear();
  Add(Command(2, 0));
  RunUntil(60);
  EXPECT_THAT(times_, ElementsAre(30));
}

TEST_F(StewardSenderTest, InS0TheKindOfTheMethodDecidesWhetherItWaits) {
  profile_ = Profile::kS0;
  sender_.Connected();
  Message hello = Command(10, 1);
  hello.method = "REQHello";
  Add(hello);
  RunUntil(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered)));
  EXPECT_EQ(network_.flushes, 1) << "the server has it";
  EXPECT_EQ(network_.published[0].first, "central.REQHello.EventNACK");
}

TEST_F(StewardSenderTest, FromS1OnTheTimeInTheMessageDecidesWhetherItWaits) {
  sender_.Connected();
  Message hello = Command(10, 0);
  hello.method = "REQHello";
  Add(hello);
  Add(Command(0, 5));
  RunUntil(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(2u, Outcome::kDelivered)));
}

TEST_F(StewardSenderTest, SendsTheNextOfASubjectWhenTheOneBeforeIsSettled) {
  sender_.Connected();
  for (int i = 0; i < 3; ++i) Add(Command(10, 0));
  RunUntil(1);
  EXPECT_EQ(network_.published.size(), 1u);
  Answer(1);
  RunUntil(2);
  EXPECT_EQ(network_.published.size(), 2u);
  RunUntil(13);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered),
                                    std::pair(2u, Outcome::kGivenUp)));
  EXPECT_EQ(network_.published.size(), 3u);
}

TEST_F(StewardSenderTest, SubjectsDoNotWaitForEachOther) {
  sender_.Connected();
  Message other = Command(10, 0);
  other.to_node = "node.with.dots";
  Add(Command(10, 0));
  Add(other);
  RunUntil(1);
  EXPECT_EQ(network_.published.size(), 2u);
}

// The originals let all messages of a subject wait at one place, where the
// first answer was taken for all of them.
TEST_F(StewardSenderTest, OneAcknowledgementSettlesOneMessage) {
  network_.shared = true;
  sender_.Connected();
  for (int i = 0; i < 5; ++i) Add(Command(1, 0));
  RunUntil(0.5);
  sender_.Answered("central.REQCliCommand.EventACK.reply", {}, now_);
  RunUntil(30);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered),
                                    std::pair(2u, Outcome::kGivenUp),
                                    std::pair(3u, Outcome::kGivenUp),
                                    std::pair(4u, Outcome::kGivenUp),
                                    std::pair(5u, Outcome::kGivenUp)));
}

TEST_F(StewardSenderTest, AnInboxIsOfOneMessageAndAllItsTransmissions) {
  sender_.Connected();
  Add(Command(1, 1));
  Message other = Command(1, 1);
  other.method = "REQToFile";
  Add(other);
  RunUntil(1.9);
  ASSERT_EQ(network_.published.size(), 4u);
  EXPECT_EQ(network_.published[0].second, "_INBOX.x.1");
  EXPECT_EQ(network_.published[1].second, "_INBOX.x.2");
  EXPECT_EQ(network_.published[2].second, network_.published[0].second);
  // A late answer to the first transmission is one.
  Answer(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered)));
}

// In the originals "no responders" was a missed acknowledgement, and all
// retries were gone in milliseconds.
TEST_F(StewardSenderTest, NoRespondersDoNotBurnRetries) {
  sender_.Connected();
  Add(Command(/*ack_timeout=*/3, /*retries=*/1));
  for (double at = 0.001; at < 5.9; at += 0.001) {
    RunUntil(at);
    if (sender_.in_flight() > 0) NoResponders(1);
  }
  EXPECT_THAT(settled_, IsEmpty());
  // At least half a second apart, so 12 in 6 s and a new one at 3 s.
  EXPECT_THAT(network_.published.size(), AllOf(Ge(8u), Le(13u)));
  for (size_t i = 1; i < times_.size(); ++i) {
    EXPECT_GE(times_[i] - times_[i - 1], 0.499) << i;
  }
  Answer(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered)));
  EXPECT_GT(sender_.counters().no_responders, 0u);
}

TEST_F(StewardSenderTest, NoRespondersAreTheReasonOfAGiveUp) {
  sender_.Connected();
  Add(Command(1, 0));
  RunUntil(0.9);
  NoResponders(1);
  RunUntil(5);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp)));
  EXPECT_THAT(whys_[1], HasSubstr("nobody subscribes"));
}

TEST_F(StewardSenderTest, OutOfACrowdOnlyTheOldestAsksAgain) {
  sender_.Connected();
  for (int i = 0; i < 40; ++i) Add(Command(10, 0));
  RunUntil(0.1);
  for (uint64_t i = 1; i <= 20; ++i) {
    Answer(i, "received");
    RunUntil(0.1);
  }
  EXPECT_EQ(network_.published.size(), 40u) << "our own kind gets many at once";
  for (uint64_t i = 21; i <= 40; ++i) NoResponders(i);
  network_.published.clear();
  for (double at = 0.1; at < 2; at += 0.001) {
    RunUntil(at);
    NoResponders(21);
  }
  EXPECT_THAT(network_.published.size(), AllOf(Ge(2u), Le(4u)));
  for (const auto& [subject, reply] : network_.published) {
    EXPECT_EQ(reply, "_INBOX.x.21");
  }
  Answer(21);
  network_.published.clear();
  RunUntil(2.1);
  ASSERT_EQ(network_.published.size(), 1u) << "and then in order, one by one";
  EXPECT_EQ(network_.published[0].second, "_INBOX.x.22");
}

TEST_F(StewardSenderTest, MoreAreUnderWayOnlyToWhoAnswersAsOurOwnKind) {
  sender_.Connected();
  for (int i = 0; i < 10; ++i) Add(Command(10, 0));
  RunUntil(0.1);
  for (uint64_t i = 1; i <= 4; ++i) {
    Answer(i);
    RunUntil(0.1);
  }
  EXPECT_EQ(sender_.in_flight(), 1u);
  Answer(5, "done");
  RunUntil(0.1);
  EXPECT_EQ(sender_.in_flight(), 2u);
}

TEST_F(StewardSenderTest, WhatOurOwnKindRefusesIsGivenUpWithItsReason) {
  sender_.Connected();
  Add(Command(1, 5));
  RunUntil(0.1);
  Answer(1, "failed", "unknown_method: REQCliCommand");
  RunUntil(30);
  EXPECT_EQ(network_.published.size(), 1u);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp)));
  EXPECT_THAT(whys_[1], HasSubstr("unknown_method"));
}

// The originals used up all retries on it, and looped for ever over those that
// ask for no acknowledgement.
TEST_F(StewardSenderTest, WhatIsTooLongForTheServerIsGivenUpAndNeverSent) {
  network_.max = 1000;
  sender_.Connected();
  for (const int64_t ack_timeout : {0, 1}) {
    Message message = Command(ack_timeout, 3);
    message.data.emplace(1, std::string(1000, 'x'));
    Add(message);
  }
  Add(Command(1, 0));
  RunUntil(0.1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp),
                                    std::pair(2u, Outcome::kGivenUp)));
  EXPECT_THAT(whys_[1], HasSubstr("max_payload"));
  EXPECT_EQ(network_.published.size(), 1u) << "what follows goes out";
}

TEST_F(StewardSenderTest, WithoutAConnectionItWaitsAndBurnsNothing) {
  Add(Command(1, 0));
  RunUntil(100);
  EXPECT_THAT(network_.published, IsEmpty());
  sender_.Connected();
  RunUntil(100.5);
  EXPECT_EQ(network_.published.size(), 1u);
  sender_.Disconnected();
  RunUntil(200);
  EXPECT_THAT(settled_, IsEmpty());
  sender_.Connected();
  RunUntil(200.5);
  EXPECT_EQ(network_.published.size(), 2u);
  Answer(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered)));
}

TEST_F(StewardSenderTest, AConnectionThatEndsInAPublishBurnsNothing) {
  for (int i = 0; i < 3; ++i) Add(Command(1, 0));
  for (int i = 0; i < 100; ++i) {
    network_.down = true;
    sender_.Connected();
    RunUntil(i);
    EXPECT_FALSE(sender_.connected());
  }
  network_.down = false;
  sender_.Connected();
  RunUntil(99.5);
  Answer(1);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kDelivered)));
}

TEST_F(StewardSenderTest, UsedTransmissionsOutlastAConnection) {
  sender_.Connected();
  Add(Command(1, 1));
  RunUntil(1.5);
  EXPECT_EQ(network_.published.size(), 2u);
  sender_.Disconnected();
  sender_.Connected();
  RunUntil(10);
  EXPECT_EQ(network_.published.size(), 3u) << "the second, again";
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp)));
}

TEST_F(StewardSenderTest, AMessageThatEndsEachConnectionIsGivenUpAtLast) {
  Add(Command(60, 2));
  int tries = 0;
  for (; tries < 1000 && settled_.empty(); ++tries) {
    sender_.Connected();
    RunUntil(tries);
    sender_.Disconnected();
  }
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp)));
  EXPECT_EQ(network_.published.size(), 10u + 3u);
  EXPECT_THAT(whys_[1], HasSubstr("the connection ended"));
}

TEST_F(StewardSenderTest, WhatNeedsNoAnswerIsDeliveredWhenTheServerHasIt) {
  sender_.Connected();
  for (int i = 0; i < 100; ++i) Add(Command(0, 0));
  network_.down = true;
  RunUntil(1);
  EXPECT_THAT(settled_, IsEmpty());
  network_.down = false;
  sender_.Connected();
  RunUntil(2);
  EXPECT_EQ(settled_.size(), 100u);
  EXPECT_LE(network_.flushes, 2) << "one for all of them";
}

TEST_F(StewardSenderTest, OrderHoldsBetweenThoseThatWaitAndThoseThatDoNot) {
  sender_.Connected();
  Add(Command(10, 0));
  Add(Command(0, 0));
  Add(Command(10, 0));
  RunUntil(1);
  EXPECT_EQ(network_.published.size(), 1u);
  Answer(1);
  RunUntil(2);
  EXPECT_EQ(network_.published.size(), 3u);
  EXPECT_EQ(network_.published[1].second,
            "central.REQCliCommand.EventACK.reply");
}

TEST_F(StewardSenderTest, TellsWhatTheServerDoesNotPermit) {
  sender_.Connected();
  Add(Command(1, 0));
  RunUntil(0.5);
  network_.refused = "central.REQCliCommand.EventACK";
  RunUntil(5);
  EXPECT_THAT(whys_[1], HasSubstr("does not permit"));
  // What waits for no answer must not be taken for delivered.
  Add(Command(0, 0));
  RunUntil(6);
  EXPECT_THAT(settled_, ElementsAre(std::pair(1u, Outcome::kGivenUp),
                                    std::pair(2u, Outcome::kGivenUp)));
}

TEST_F(StewardSenderTest, SendNowIsDroppedBehindOthersAndWithoutAConnection) {
  const Outgoing hello =
      MakeOutgoing(Command(10, 0), profile_, steward::Compression::kNone);
  sender_.SendNow(hello);
  EXPECT_EQ(sender_.counters().dropped_now, 1u);
  sender_.Connected();
  sender_.SendNow(hello);
  EXPECT_EQ(network_.published.size(), 1u);
  Add(Command(10, 0));
  sender_.SendNow(hello);
  EXPECT_EQ(sender_.counters().dropped_now, 2u);
  RunUntil(1);
  Answer(1);
  RunUntil(2);
  sender_.SendNow(hello);
  EXPECT_EQ(network_.published.size(), 3u);
  EXPECT_EQ(sender_.Turn(now_), kNever) << "nothing is left";
}

TEST_F(StewardSenderTest, CountsOutOfAllReasonAreCut) {
  Message message = Command(std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min());
  const Outgoing out =
      MakeOutgoing(message, Profile::kC4, steward::Compression::kZstd);
  EXPECT_EQ(out.transmissions, 1'000'001);
  EXPECT_EQ(out.ack_timeout, absl::Hours(24));
  EXPECT_EQ(out.retry_wait, absl::ZeroDuration());
  message.ack_timeout = -1;
  EXPECT_FALSE(MakeOutgoing(message, Profile::kC4, steward::Compression::kZstd)
                   .acknowledged);
}

TEST_F(StewardSenderTest, FillsInWhatTheOriginalsFillIn) {
  Message message;
  message.retries = -3;
  FillDefaults(Profile::kS1, &message);
  EXPECT_EQ(message.ack_timeout, 0) << "no acknowledgement";
  EXPECT_EQ(message.retries, 1);
  EXPECT_EQ(message.method_timeout, 10);
  message.method_timeout = -1;
  message.retries = 0;
  FillDefaults(Profile::kC4, &message);
  EXPECT_EQ(message.method_timeout, -1);
  EXPECT_EQ(message.retries, 0);
  FillDefaults(Profile::kS0, &message);
  EXPECT_EQ(message.ack_timeout, 10);
  EXPECT_EQ(message.retries, 1);
  EXPECT_EQ(message.method_timeout, 10);
}

}  // namespace
}  // namespace weir
