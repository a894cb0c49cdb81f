#include "host/broker/subscription_store.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/control/subscriptions.h"
#include "host/status/error_info.h"
#include "tests/host/broker/broker_fixture.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using enum StartPosition::Kind;
using enum StreamItem::Kind;
using State = Subscription::State;

constexpr char kNoc[] = "subscriptions/noc";

class SubscriptionStoreTest : public BrokerTest {
 protected:
  SubscriptionStoreTest() : store_(broker_, clock_, /*max_subscriptions=*/3) {}

  absl::StatusOr<Subscription> Create(const std::string& id,
                                      Subscription settings = {},
                                      const std::string& request_id = "") {
    StartPosition start;
    start.kind = kEarliest;
    return store_.Create(id, std::move(settings), start, request_id, false);
  }

  absl::StatusOr<std::unique_ptr<EventStream>> TryConsume(
      bool takeover = false, bool auto_ack = false) {
    ConsumeOptions options;
    options.name = kNoc;
    options.takeover = takeover;
    options.auto_ack = auto_ack;
    options.client_name = "worker";
    options.peer = "192.0.2.1";
    return store_.Consume(options, [this] { ++calls_; });
  }
  std::unique_ptr<EventStream> Consume(bool takeover = false,
                                       bool auto_ack = false) {
    auto stream = TryConsume(takeover, auto_ack);
    EXPECT_THAT(stream, IsOk());
    return *std::move(stream);
  }
  std::string Lease() { return store_.Get(kNoc)->lease_id; }
  Subscription Noc() { return *store_.Get(kNoc); }

  SubscriptionStore store_;
};

TEST_F(SubscriptionStoreTest, CreatesWithDefaults) {
  Publish(3);
  const auto noc = Create("noc");
  ASSERT_THAT(noc, IsOk());
  EXPECT_EQ(noc->name, kNoc);
  EXPECT_EQ(noc->state, State::kIdle);
  EXPECT_EQ(noc->max_unacked_events, 10000);
  EXPECT_EQ(noc->ack_cursor, Id(0));
  EXPECT_EQ(noc->backlog_events, 3);
  EXPECT_EQ(noc->expire_time, clock_.Now() + absl::Hours(7 * 24));
  EXPECT_NE(noc->etag, "");
  EXPECT_THAT(store_.List(), SizeIs(1));
}

TEST_F(SubscriptionStoreTest, TakesOnlyProperIds) {
  struct Case {
    const char* why;
    std::string id;
    bool good;
  };
  for (const Case& c : std::vector<Case>{
           {"one letter", "a", true},
           {"letters, digits and dashes", "a-1", true},
           {"as long as may be", std::string(63, 'a'), true},
           {"empty", "", false},
           {"too long", std::string(64, 'a'), false},
           {"a digit first", "1a", false},
           {"a dash last", "a-", false},
           {"upper case", "aB", false},
           {"a slash", "a/b", false},
       }) {
    const auto created =
        store_.Create(c.id, {}, {}, "", /*validate_only=*/true);
    EXPECT_EQ(created.ok(), c.good) << c.why;
    if (c.good) continue;
    EXPECT_EQ(InfoOf(created.status()).reason, "INVALID_FIELD") << c.why;
    EXPECT_EQ(InfoOf(created.status()).metadata.at("field"), "subscription_id");
  }
  EXPECT_THAT(store_.List(), IsEmpty()) << "validate_only creates nothing";
}

TEST_F(SubscriptionStoreTest, SaysAllFaultsOfACreateAtOnce) {
  Subscription bad;
  bad.display_name.assign(129, 'x');
  bad.max_unacked_events = 1'000'001;
  bad.idle_ttl = absl::Seconds(-1);
  bad.filters.emplace_back().subject_regexes = {"("};
  StartPosition start;
  start.kind = kAfterId;
  const auto created = store_.Create("-", bad, start, "", false);
  EXPECT_THAT(InfoOf(created.status()).field_violations, SizeIs(6))
      << created.status();
}

TEST_F(SubscriptionStoreTest, RefusesAStartThatIsOfAnotherLog) {
  StartPosition start;
  start.kind = kAfterId;
  start.after_id = "00000000-1";
  const auto created = store_.Create("noc", {}, start, "", false);
  EXPECT_EQ(InfoOf(created.status()).reason, "REPLAY_EPOCH_MISMATCH");
}

TEST_F(SubscriptionStoreTest, RepeatsTheAnswerToARepeatedRequest) {
  const auto first = Create("noc", {}, "r1");
  clock_.Advance(absl::Minutes(9));
  const auto again = Create("noc", {}, "r1");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->create_time, first->create_time);
  clock_.Advance(absl::Minutes(2));
  const auto late = Create("noc", {}, "r1");
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(InfoOf(late.status()).reason, "SUBSCRIPTION_EXISTS");
  EXPECT_THAT(InfoOf(late.status()).metadata, ElementsAre(Pair("name", kNoc)));
}

TEST_F(SubscriptionStoreTest, HasALimit) {
  for (const char* id : {"a", "b", "c"}) EXPECT_THAT(Create(id), IsOk());
  const auto more = Create("d");
  EXPECT_EQ(more.status().code(), absl::StatusCode::kResourceExhausted);
  const ErrorInfo info = InfoOf(more.status());
  EXPECT_EQ(info.reason, "TOO_MANY_SUBSCRIPTIONS");
  EXPECT_THAT(info.metadata, UnorderedElementsAre(Pair("limit", "3"),
                                                  Pair("scope", "server")));
  EXPECT_TRUE(info.retry_delay.has_value());
}

TEST_F(SubscriptionStoreTest, KnowsOnlyWhatThereIs) {
  for (const absl::Status& status :
       {store_.Get(kNoc).status(), TryConsume().status(),
        store_.Delete(kNoc, "", false),
        store_.Acknowledge(kNoc, Id(0), "L").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(InfoOf(status).reason, "SUBSCRIPTION_NOT_FOUND");
    EXPECT_THAT(InfoOf(status).metadata, ElementsAre(Pair("name", kNoc)));
  }
  EXPECT_THAT(store_.Delete(kNoc, "", /*allow_missing=*/true), IsOk());
}

TEST_F(SubscriptionStoreTest, StreamsFromTheAckCursorOn) {
  Publish(5);
  ASSERT_THAT(Create("noc"), IsOk());
  auto stream = Consume();
  const auto items = Drain(*stream);
  EXPECT_NE(items[0].hello.lease_id, "");
  EXPECT_EQ(items[0].hello.lease_id, Lease());
  EXPECT_THAT(SeqsIn(items), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(Noc().state, State::kLive);
  EXPECT_EQ(Noc().unacked_events, 5);
  EXPECT_EQ(Noc().delivered_cursor, Id(5));
  EXPECT_EQ(Noc().attached_client, "192.0.2.1 worker");

  const auto acked = store_.Acknowledge(kNoc, Id(3), Lease());
  ASSERT_THAT(acked, IsOk());
  EXPECT_EQ(acked->ack_cursor, Id(3));
  EXPECT_EQ(acked->unacked_events, 2);
  stream = nullptr;
  EXPECT_EQ(Noc().state, State::kIdle);
  EXPECT_THAT(SeqsIn(Drain(*Consume())), ElementsAre(4, 5));
}

TEST_F(SubscriptionStoreTest, AnOldAckChangesNothing) {
  Publish(5);
  ASSERT_THAT(Create("noc"), IsOk());
  const auto stream = Consume();
  Drain(*stream);
  ASSERT_THAT(store_.Acknowledge(kNoc, Id(4), Lease()), IsOk());
  const auto old = store_.Acknowledge(kNoc, Id(2), Lease());
  ASSERT_THAT(old, IsOk());
  EXPECT_EQ(old->ack_cursor, Id(4));
  EXPECT_EQ(old->unacked_events, 1);
}

TEST_F(SubscriptionStoreTest, RefusesAnAckOfWhatWasNotDelivered) {
  Publish(5);
  ASSERT_THAT(Create("noc"), IsOk());
  const auto stream = Consume();
  StreamItem item;
  ASSERT_TRUE(stream->Next(&item));
  for (const std::string& cursor : {Id(1), std::string("00000000-0")}) {
    const auto acked = store_.Acknowledge(kNoc, cursor, Lease());
    EXPECT_EQ(acked.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(InfoOf(acked.status()).reason, "ACK_BEYOND_DELIVERED");
    EXPECT_THAT(InfoOf(acked.status()).metadata,
                UnorderedElementsAre(Pair("name", kNoc), Pair("cursor", cursor),
                                     Pair("delivered_cursor", Id(0))));
  }
  EXPECT_EQ(InfoOf(store_.Acknowledge(kNoc, "x", Lease()).status()).reason,
            "INVALID_REPLAY_ID");
}

TEST_F(SubscriptionStoreTest, HasOneConsumerAtATime) {
  ASSERT_THAT(Create("noc"), IsOk());
  const auto first = Consume();
  const auto second = TryConsume();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(InfoOf(second.status()).reason, "SUBSCRIPTION_BUSY");
  EXPECT_THAT(InfoOf(second.status()).metadata,
              UnorderedElementsAre(Pair("name", kNoc),
                                   Pair("attached_client", "192.0.2.1 worker"),
                                   Pair("since", "1970-01-01T01:00:00+00:00")));
}

TEST_F(SubscriptionStoreTest, ATakeoverFencesTheOldConsumer) {
  Publish(3);
  ASSERT_THAT(Create("noc"), IsOk());
  auto old = Consume();
  Drain(*old);
  const std::string old_lease = Lease();
  const auto stream = Consume(/*takeover=*/true);
  broker_.Tick();
  EXPECT_EQ(calls_, 1) << "the old one is told";

  const auto items = Drain(*old);
  ASSERT_THAT(KindsOf(items), ElementsAre(kEnd));
  EXPECT_EQ(items[0].end.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(InfoOf(items[0].end).reason, "LEASE_LOST");
  const auto acked = store_.Acknowledge(kNoc, Id(3), old_lease);
  EXPECT_EQ(acked.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(InfoOf(acked.status()).reason, "LEASE_LOST");
  EXPECT_EQ(Noc().ack_cursor, Id(0));
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(1, 2, 3));
  old = nullptr;
  EXPECT_EQ(Noc().state, State::kLive) << "the old one's end changes nothing";
}

TEST_F(SubscriptionStoreTest, StopsWhereTheWindowEndsUntilItIsAcknowledged) {
  Publish(10);
  Subscription settings;
  settings.max_unacked_events = 4;
  ASSERT_THAT(Create("noc", settings), IsOk());
  const auto stream = Consume();
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(Noc().state, State::kBlocked);
  Pass(absl::Seconds(15));
  EXPECT_EQ(calls_, 1);
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kHeartbeat));
  EXPECT_TRUE(items[0].blocked_on_ack);
  EXPECT_EQ(items[0].unacked_events, 4);
  EXPECT_EQ(items[0].cursor, Id(4));

  ASSERT_THAT(store_.Acknowledge(kNoc, Id(3), Lease()), IsOk());
  broker_.Tick();
  EXPECT_EQ(calls_, 2) << "it may go on";
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(5, 6, 7));
}

TEST_F(SubscriptionStoreTest, AcksByItselfIfAskedTo) {
  Publish(10);
  Subscription settings;
  settings.max_unacked_events = 4;
  ASSERT_THAT(Create("noc", settings), IsOk());
  const auto stream = Consume(/*takeover=*/false, /*auto_ack=*/true);
  EXPECT_THAT(SeqsIn(Drain(*stream)), SizeIs(10));
  EXPECT_EQ(Noc().ack_cursor, Id(10));
  EXPECT_EQ(Noc().unacked_events, 0);
}

TEST_F(SubscriptionStoreTest, CountsGapsAndSaysThatItsPositionIsGone) {
  ASSERT_THAT(Create("noc"), IsOk());
  Publish(8);
  clock_.Advance(absl::Minutes(11));
  Publish(1);
  EXPECT_EQ(Noc().state, State::kExpired);
  const auto items = Drain(*Consume());
  EXPECT_THAT(KindsOf(items), ElementsAre(kHello, kGap, kEvents, kCaughtUp));
  EXPECT_EQ(Noc().gap_count, 1);
  EXPECT_EQ(Noc().missed_events, 8);
}

TEST_F(SubscriptionStoreTest, AnUpdateSetsWhatItNamesAndKeepsTheCursors) {
  Publish(5);
  Subscription settings;
  settings.display_name = "before";
  settings.labels = {{"team", "noc"}};
  ASSERT_THAT(Create("noc", settings), IsOk());
  Drain(*Consume());
  const Subscription before = Noc();
  clock_.Advance(absl::Minutes(1));

  Subscription change;
  change.display_name = "after";
  change.max_unacked_events = 5'000'000;  // Not named, so not looked at.
  const auto updated =
      store_.Update(kNoc, change, {.display_name = true}, before.etag);
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(updated->display_name, "after");
  EXPECT_EQ(updated->labels, settings.labels);
  EXPECT_EQ(updated->max_unacked_events, 10'000);
  EXPECT_EQ(updated->ack_cursor, before.ack_cursor);
  EXPECT_EQ(updated->create_time, before.create_time);
  EXPECT_EQ(updated->update_time, clock_.Now());
  EXPECT_NE(updated->etag, before.etag);
  EXPECT_EQ(Noc().display_name, "after");
}

TEST_F(SubscriptionStoreTest, AnUpdateOfWhatWasChangedMeanwhileIsRefused) {
  ASSERT_THAT(Create("noc"), IsOk());
  const std::string old = Noc().etag;
  Subscription change;
  change.display_name = "one";
  ASSERT_THAT(store_.Update(kNoc, change, {.display_name = true}, old), IsOk());
  change.display_name = "two";
  const auto refused = store_.Update(kNoc, change, {.display_name = true}, old);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(InfoOf(refused.status()).reason, "ETAG_MISMATCH");
  EXPECT_THAT(
      InfoOf(refused.status()).metadata,
      UnorderedElementsAre(Pair("name", kNoc), Pair("etag", Noc().etag)));
  EXPECT_EQ(Noc().display_name, "one");
}

TEST_F(SubscriptionStoreTest, AnUpdateThatIsWrongChangesNothing) {
  ASSERT_THAT(Create("noc"), IsOk());
  const std::string before = Noc().etag;
  Subscription change;
  change.max_unacked_events = 1'000'001;
  change.filters.emplace_back().subject_regexes = {"("};
  const auto refused = store_.Update(
      kNoc, change, {.filters = true, .max_unacked_events = true}, "");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InfoOf(refused.status()).field_violations.size(), 2);
  EXPECT_EQ(Noc().etag, before);
  EXPECT_EQ(InfoOf(store_.Update("subscriptions/none", change, {}, "").status())
                .reason,
            "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(SubscriptionStoreTest, NewFiltersHoldFromWhereTheConsumerIs) {
  Publish(2, "a.b");
  ASSERT_THAT(Create("noc"), IsOk());
  const auto stream = Consume();
  Drain(*stream);
  Subscription change;
  change.filters.emplace_back().types = {"c.d"};
  ASSERT_THAT(store_.Update(kNoc, change, {.filters = true}, ""), IsOk());
  Publish(2, "a.b");
  Publish(1, "c.d");
  Pass(absl::Milliseconds(10));
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(5));
}

TEST_F(SubscriptionStoreTest, AWiderWindowLetsABlockedConsumerGoOn) {
  Publish(10);
  Subscription settings;
  settings.max_unacked_events = 4;
  ASSERT_THAT(Create("noc", settings), IsOk());
  const auto stream = Consume();
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(1, 2, 3, 4));
  settings.max_unacked_events = 6;
  ASSERT_THAT(store_.Update(kNoc, settings, {.max_unacked_events = true}, ""),
              IsOk());
  broker_.Tick();
  EXPECT_EQ(calls_, 1) << "it may go on";
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(5, 6));
}

TEST_F(SubscriptionStoreTest, SeekMovesItForwardAndBack) {
  Publish(10);
  ASSERT_THAT(Create("noc"), IsOk());
  StartPosition start;
  start.kind = kLatest;
  EXPECT_EQ(store_.Seek(kNoc, start)->ack_cursor, Id(10));
  start.kind = kAfterId;
  start.after_id = Id(7);
  const auto moved = store_.Seek(kNoc, start);
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(moved->ack_cursor, Id(7));
  EXPECT_EQ(moved->backlog_events, 3);
  EXPECT_THAT(SeqsIn(Drain(*Consume())), ElementsAre(8, 9, 10));
}

TEST_F(SubscriptionStoreTest, SeekEndsTheConsumerAndItsLease) {
  Publish(10);
  ASSERT_THAT(Create("noc"), IsOk());
  auto old = Consume();
  Drain(*old);
  const std::string lease = Lease();
  StartPosition start;
  start.kind = kEarliest;
  ASSERT_THAT(store_.Seek(kNoc, start), IsOk());
  EXPECT_EQ(Noc().unacked_events, 0);
  EXPECT_EQ(Noc().state, State::kIdle);

  const auto acked = store_.Acknowledge(kNoc, Id(10), lease);
  EXPECT_EQ(InfoOf(acked.status()).reason, "LEASE_LOST");
  EXPECT_EQ(Noc().ack_cursor, Id(0)) << "the stale lease moved nothing";
  // The place is free at once, though the old stream is not gone yet.
  const auto next = Consume();
  const auto items = Drain(*old);
  ASSERT_THAT(KindsOf(items), ElementsAre(kEnd));
  EXPECT_EQ(items[0].end.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(InfoOf(items[0].end).reason, "LEASE_LOST");
  old = nullptr;
  EXPECT_EQ(Noc().attached_client, "192.0.2.1 worker");
  EXPECT_THAT(SeqsIn(Drain(*next)), SizeIs(10));
}

TEST_F(SubscriptionStoreTest, RefusesToSeekToWhereNothingIs) {
  Publish(3);
  ASSERT_THAT(Create("noc"), IsOk());
  StartPosition start;
  start.kind = kAfterId;
  start.after_id = "nonsense";
  EXPECT_EQ(InfoOf(store_.Seek(kNoc, start).status()).reason,
            "INVALID_REPLAY_ID");
  start.after_id = "aaaaaaaa-1";
  EXPECT_EQ(InfoOf(store_.Seek(kNoc, start).status()).reason,
            "REPLAY_EPOCH_MISMATCH");
  EXPECT_EQ(InfoOf(store_.Seek("subscriptions/none", start).status()).reason,
            "SUBSCRIPTION_NOT_FOUND");
  EXPECT_EQ(Noc().ack_cursor, Id(0));
}

TEST_F(SubscriptionStoreTest, DeletesWhatItIsToldToAndEndsItsConsumer) {
  ASSERT_THAT(Create("noc"), IsOk());
  const auto stream = Consume();
  Drain(*stream);
  const absl::Status stale = store_.Delete(kNoc, "\"old\"", false);
  EXPECT_EQ(stale.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(InfoOf(stale).reason, "ETAG_MISMATCH");
  EXPECT_THAT(
      InfoOf(stale).metadata,
      UnorderedElementsAre(Pair("name", kNoc), Pair("etag", Noc().etag)));
  EXPECT_THAT(store_.Delete(kNoc, Noc().etag, false), IsOk());
  EXPECT_THAT(store_.List(), IsEmpty());
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kEnd));
  EXPECT_EQ(items[0].end.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(InfoOf(items[0].end).reason, "SUBSCRIPTION_DELETED");
}

TEST_F(SubscriptionStoreTest, ALeaseOfADeletedNamesakeIsStale) {
  Publish(1);
  ASSERT_THAT(Create("noc"), IsOk());
  const auto stream = Consume();
  const std::string lease = Lease();
  ASSERT_THAT(store_.Delete(kNoc, "", false), IsOk());
  ASSERT_THAT(Create("noc"), IsOk());
  const auto next = Consume();
  EXPECT_EQ(InfoOf(store_.Acknowledge(kNoc, Id(0), lease).status()).reason,
            "LEASE_LOST");
}

TEST_F(SubscriptionStoreTest, TheEtagIsOfTheSettings) {
  Subscription one;
  one.labels = {{"a", "b"}};
  Subscription other;
  other.labels = {{"a", "c"}};
  const std::string etag = Create("a", one)->etag;
  EXPECT_EQ(Create("b", one)->etag, etag);
  EXPECT_NE(Create("c", other)->etag, etag);
}

TEST_F(SubscriptionStoreTest, ForgetsWhatNobodyUses) {
  Subscription brief;
  brief.idle_ttl = absl::Hours(1);
  Subscription for_ever;
  for_ever.idle_ttl = absl::ZeroDuration();
  ASSERT_THAT(Create("noc", brief), IsOk());
  ASSERT_THAT(Create("b", for_ever), IsOk());
  auto stream = Consume();
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(store_.List(), SizeIs(2)) << "it is in use";
  stream = nullptr;
  EXPECT_EQ(Noc().expire_time, clock_.Now() + absl::Hours(1));
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(store_.List(), SizeIs(1));
  clock_.Advance(absl::Hours(24 * 365));
  EXPECT_THAT(store_.List(), SizeIs(1));
}

}  // namespace
}  // namespace weir
