// That the fake server behaves as Nakadi's acceptance tests say of the real
// one; the numbers are those of the rows of its table. In virtual time.

#include "tests/fakes/nakadi/subscription.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weir::fake_nakadi {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class FakeSubscription : public testing::Test {
 protected:
  void Make(int partitions, int events, const std::string& read_from = "begin",
            std::map<Key, std::string> initial = {}) {
    for (int p = 0; p < partitions; ++p) {
      Partition& partition = topics_[{"t", absl::StrCat(p)}];
      for (int i = 0; i < events; ++i) {
        partition.Publish(absl::StrCat("{\"n\":", i, "}"));
      }
    }
    subscription_ = std::make_unique<Subscription>(
        Subscription::Options{.id = "s",
                              .read_from = read_from,
                              .event_types = {"t"},
                              .initial_cursors = std::move(initial),
                              .max_commit_timeout = 5},
        topics_);
  }
  std::shared_ptr<Session> Open(const StreamParameters& p, int status = 200) {
    std::shared_ptr<Session> session;
    const Answer answer = subscription_->Open(p, now_, &session);
    EXPECT_EQ(answer.status, status) << answer.body;
    if (session != nullptr) subscription_->Tick(now_);
    return session;
  }
  int Commit(const Session& session,
             const std::vector<std::pair<std::string, uint64_t>>& events) {
    std::vector<CursorItem> items;
    for (const auto& [partition, number] : events) {
      items.push_back({{"t", partition}, OffsetOf(number + 1), "token"});
    }
    last_ = subscription_->Commit(session.id, items, now_);
    subscription_->Tick(now_);
    return last_.status;
  }
  void Pass(int64_t ns) {
    now_ += ns;
    subscription_->Tick(now_);
  }
  static std::vector<std::string> Take(Session& session) {
    std::vector<std::string> lines =
        absl::StrSplit(session.outbox, '\n', absl::SkipEmpty());
    session.outbox.clear();
    return lines;
  }

  int64_t now_ = 1000 * kSecond;
  Topics topics_;
  std::unique_ptr<Subscription> subscription_;
  Answer last_;
};

TEST_F(FakeSubscription, BeginsAnEmptyTopicWithAKeepAlive) {  // 1
  Make(1, 0);
  const auto session = Open({.batch_flush_timeout = 1});
  EXPECT_TRUE(Take(*session).empty());
  Pass(kSecond);
  const auto lines = Take(*session);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(absl::StrContains(lines[0], "001-0001--1"));
  EXPECT_TRUE(absl::StrContains(lines[0], "Stream started"));
  EXPECT_FALSE(absl::StrContains(lines[0], "events"));
}

TEST_F(FakeSubscription, EndsAtItsLimitOnceThatManyAreCommitted) {  // 2
  Make(1, 4);
  const auto session = Open({.stream_limit = 2});
  const auto lines = Take(*session);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_TRUE(absl::StrContains(lines[0], "Stream started"));
  EXPECT_FALSE(absl::StrContains(lines[1], "info"));
  EXPECT_EQ(session->state, Session::State::kClosing);
  EXPECT_EQ(Commit(*session, {{"0", 1}}), 204);
  EXPECT_EQ(session->state, Session::State::kEnded);
  const auto next = Open({});
  EXPECT_TRUE(absl::StrContains(Take(*next)[0], OffsetOf(3)));
}

TEST_F(FakeSubscription, KeepsItsWindow) {  // 3
  Make(1, 15);
  const auto session = Open({.max_uncommitted_events = 5});
  EXPECT_EQ(Take(*session).size(), 5u);
  Commit(*session, {{"0", 4}});
  EXPECT_EQ(Take(*session).size(), 5u);
  Commit(*session, {{"0", 6}});
  EXPECT_EQ(Take(*session).size(), 2u);
  EXPECT_EQ(subscription_->most_uncommitted(), 5u);
}

TEST_F(FakeSubscription, FillsBatchesOrWaitsForTheFlush) {  // 4
  Make(1, 12);
  const auto session = Open({.batch_limit = 5,
                             .batch_flush_timeout = 1,
                             .max_uncommitted_events = 20});
  auto lines = Take(*session);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(absl::StrContains(lines[0], OffsetOf(5)));
  EXPECT_TRUE(absl::StrContains(lines[1], OffsetOf(10)));
  Pass(kSecond);
  lines = Take(*session);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(absl::StrContains(lines[0], OffsetOf(12)));
}

TEST_F(FakeSubscription, EndsWithoutGraceAfterTheCommitTimeout) {  // 5
  Make(1, 1);
  const auto session = Open({.commit_timeout = 5});
  Take(*session);
  Pass(5 * kSecond);
  const auto lines = Take(*session);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(absl::StrContains(lines[0], "Commit timeout reached"));
  EXPECT_EQ(session->state, Session::State::kEnded);
  EXPECT_EQ(Commit(*session, {{"0", 0}}), 422);
  EXPECT_TRUE(absl::StrContains(last_.body, "Session with stream id"));
  EXPECT_EQ(Take(*Open({})).size(), 1u);
}

TEST_F(FakeSubscription, FlushesAtTheStreamTimeoutAndWaitsForTheCommit) {  // 6
  Make(1, 4);
  const auto session = Open(
      {.batch_limit = 1000, .batch_flush_timeout = 600, .stream_timeout = 2});
  EXPECT_TRUE(Take(*session).empty());
  Pass(2 * kSecond);
  const auto lines = Take(*session);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(absl::StrContains(lines[1], "Stream timeout reached"));
  subscription_->ClientGone(*session, now_);
  Pass(kSecond);
  EXPECT_EQ(Commit(*session, {{"0", 3}}), 204);  // 7
  EXPECT_EQ(session->state, Session::State::kEnded);
}

TEST_F(FakeSubscription, HasASlotForEachPartition) {  // 8
  Make(1, 0);
  Open({});
  Open({}, 409);
}

TEST_F(FakeSubscription, SaysOutdatedForWhatWasCommitted) {  // 10, 11
  Make(1, 3);
  const auto session = Open({});
  EXPECT_EQ(Commit(*session, {{"0", 1}}), 204);
  EXPECT_EQ(Commit(*session, {{"0", 0}}), 200);
  EXPECT_EQ(Commit(*session, {{"0", 1}, {"0", 2}}), 200);
  EXPECT_TRUE(absl::StrContains(last_.body, "\"outdated\"}"));
  EXPECT_TRUE(absl::StrContains(last_.body, "\"committed\"}"));
  EXPECT_EQ(Commit(*session, {{"0", 99}}), 204);
}

TEST_F(FakeSubscription, RefusesCursorsThatAreNone) {  // 12
  Make(1, 3);
  const auto session = Open({});
  const CursorItem good = {{"t", "0"}, OffsetOf(1), "token"};
  const auto status = [&](const std::string& id,
                          const std::vector<CursorItem>& items) {
    return subscription_->Commit(id, items, now_).status;
  };
  EXPECT_EQ(status("00000000-0000-4000-8000-00000000ffff", {good}), 422);
  EXPECT_EQ(status("x", {good}), 422);
  EXPECT_EQ(status(session->id, {}), 422);
  EXPECT_EQ(status(session->id, {{{"t", "0"}, OffsetOf(1), ""}}), 422);
  EXPECT_EQ(status(session->id, {{{"t", "9"}, OffsetOf(1), "token"}}), 422);
  EXPECT_EQ(subscription_->Committed({"t", "0"}), 0u);
}

TEST_F(FakeSubscription, TellsNothingBeforeItIsInitialised) {  // 15, 16
  Make(1, 15);
  EXPECT_EQ(subscription_->Cursors().body, "{\"items\":[]}");
  EXPECT_FALSE(absl::StrContains(subscription_->Stats().body, "unconsumed"));
  const auto session = Open({.max_uncommitted_events = 20});
  EXPECT_TRUE(absl::StrContains(
      subscription_->Stats().body,
      absl::StrCat("\"state\":\"assigned\",\"unconsumed_events\":15,"
                   "\"stream_id\":\"",
                   session->id, "\"")));
  Commit(*session, {{"0", 9}});
  EXPECT_TRUE(absl::StrContains(subscription_->Stats().body,
                                "\"unconsumed_events\":5"));
}

TEST_F(FakeSubscription, ResetsAfterItsStreamsHaveEnded) {  // 18
  Make(1, 20);
  const auto session = Open({});
  Take(*session);
  Commit(*session, {{"0", 9}});
  Take(*session);
  EXPECT_EQ(subscription_->Reset({{{"t", "0"}, OffsetOf(5), ""}}, now_).status,
            0);
  EXPECT_TRUE(absl::StrContains(Take(*session).back(),
                                "Resetting subscription cursors"));
  Open({}, 409);
  EXPECT_EQ(subscription_->Reset({{{"t", "0"}, OffsetOf(5), ""}}, now_).status,
            409);
  now_ += 6 * kSecond;
  EXPECT_TRUE(subscription_->Tick(now_));
  EXPECT_TRUE(absl::StrContains(Take(*Open({}))[0], OffsetOf(6)));
}

TEST_F(FakeSubscription, SharesItsPartitions) {  // 20
  Make(8, 0);
  const auto a = Open({});
  EXPECT_EQ(a->owned.size(), 8u);
  const auto b = Open({});
  EXPECT_EQ(a->owned.size(), 4u);
  EXPECT_EQ(b->owned.size(), 4u);
  subscription_->ClientGone(*b, now_);
  subscription_->Tick(now_);
  EXPECT_EQ(a->owned.size(), 8u);
}

TEST_F(FakeSubscription, ClosesAStreamThatHoldsAPartitionBack) {  // 21
  Make(2, 1);
  const auto a = Open({.commit_timeout = 5});
  EXPECT_EQ(Take(*a).size(), 2u);
  now_ += kSecond;
  const auto b = Open({.commit_timeout = 5});
  EXPECT_TRUE(Take(*b).empty());
  Pass(4 * kSecond);
  EXPECT_EQ(a->state, Session::State::kEnded);
  EXPECT_EQ(b->owned.size(), 2u);
  EXPECT_EQ(Take(*b).size(), 2u);
}

TEST_F(FakeSubscription, GivesPartitionsToWhoAsksForThem) {  // 22, 23
  Make(8, 0);
  const auto first = Open({});
  const auto direct = Open({.partitions = {{"t", "5"}, {"t", "6"}}});
  EXPECT_EQ(direct->owned.size(), 2u);
  Open({.partitions = {{"t", "6"}}}, 409);
  Open({.partitions = {{"t", "9"}}}, 422);
  const auto second = Open({});
  EXPECT_EQ(first->owned.size(), 3u);
  EXPECT_EQ(second->owned.size(), 3u);
  subscription_->ClientGone(*direct, now_);
  subscription_->Tick(now_);
  EXPECT_EQ(first->owned.size() + second->owned.size(), 8u);
}

TEST_F(FakeSubscription, EndsAfterSoManyKeepAlives) {  // 25, 28
  Make(2, 0);
  const auto session =
      Open({.batch_flush_timeout = 1, .stream_keep_alive_limit = 2});
  Pass(kSecond);
  Pass(kSecond);
  EXPECT_EQ(Take(*session).size(), 4u);
  EXPECT_EQ(session->state, Session::State::kEnded);
}

TEST_F(FakeSubscription, BeginsAtInitialCursors) {  // 30
  Make(2, 10, "cursors", {{{"t", "0"}, OffsetOf(8)}, {{"t", "1"}, "BEGIN"}});
  const auto session = Open({.max_uncommitted_events = 100});
  const auto lines = Take(*session);
  EXPECT_TRUE(absl::StrContains(lines[0], OffsetOf(9)));
  EXPECT_TRUE(absl::StrContains(lines[2], OffsetOf(1)));
}

}  // namespace
}  // namespace weir::fake_nakadi
