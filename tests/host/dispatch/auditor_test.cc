#include "host/dispatch/auditor.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/books_source.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/books.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler_registry.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Books that a test writes.
class FakeBooks final : public BooksSource {
 public:
  std::vector<SlotBooks> CollectBooks() override {
    std::vector<SlotBooks> all = slots;
    std::erase_if(slots, [](const SlotBooks& slot) { return slot.final; });
    return all;
  }

  std::vector<SlotBooks> slots;
};

// Balanced books with `full` messages dropped.
Books Dropped(uint64_t full) {
  return {.offered = 100 + full,
          .enqueued = 100,
          .dropped_full = full,
          .processed_ok = 100};
}

class AuditorTest : public testing::Test {
 protected:
  void Slot(uint64_t id, Books books, bool final = false) {
    std::erase_if(books_.slots,
                  [&](const SlotBooks& slot) { return slot.id == id; });
    books_.slots.push_back(
        {.id = id, .name = "counts", .books = books, .final = final});
  }
  void CheckAfter(absl::Duration passed) {
    clock_.Advance(passed);
    auditor_.Check();
  }

  FakeBooks books_;
  FakeEventSink events_;
  FakeClock clock_;
  Auditor auditor_{books_, events_, clock_};
};

TEST_F(AuditorTest, SaysNothingOfBooksThatBalance) {
  Slot(1, Dropped(0));
  EXPECT_TRUE(auditor_.Check());
  auditor_.Finish();
  EXPECT_THAT(events_.events(), IsEmpty());
}

TEST_F(AuditorTest, TellsBooksThatDoNotBalanceWithTheirNumbersOnce) {
  Books wrong = Dropped(0);
  wrong.processed_ok = 99;
  Slot(1, wrong);
  EXPECT_FALSE(auditor_.Check());
  EXPECT_FALSE(auditor_.Check());
  EXPECT_THAT(
      events_.events(),
      ElementsAre(AllOf(
          Field(&Event::type, "weir.books.mismatch"),
          Field(&Event::source, "host"), Field(&Event::subject, "counts"),
          Field(&Event::severity, Severity::kError),
          Field(&Event::json,
                R"({"offered":100,"not_wanted":0,"enqueued":100,)"
                R"("dropped_policy":0,"dropped_full":0,)"
                R"("dropped_not_running":0,"dropped_quarantined":0,)"
                R"("processed_ok":99,"processed_error":0,"lost_in_crash":0,)"
                R"("discarded_on_unload":0,"queued":0,"in_flight":0})"))));
}

TEST_F(AuditorTest, SeesEachLineThatIsWrong) {
  struct Case {
    const char* why;
    uint64_t Books::*counter;
  };
  for (const Case& c : std::vector<Case>{
           {"left side of the first line", &Books::offered},
           {"in the first line", &Books::not_wanted},
           {"in the first line", &Books::dropped_policy},
           {"in the first line", &Books::dropped_full},
           {"in the first line", &Books::dropped_not_running},
           {"in the first line", &Books::dropped_quarantined},
           {"in both lines", &Books::enqueued},
           {"in the second line", &Books::processed_ok},
           {"in the second line", &Books::processed_error},
           {"in the second line", &Books::lost_in_crash},
           {"in the second line", &Books::discarded_on_unload},
           {"in the second line", &Books::queued},
           {"in the second line", &Books::in_flight},
       }) {
    Books wrong = Dropped(0);
    ++(wrong.*c.counter);
    Slot(1, wrong);
    EXPECT_FALSE(auditor_.Check()) << c.why;
    Slot(1, Dropped(0));
    EXPECT_TRUE(auditor_.Check()) << c.why;
  }
}

TEST_F(AuditorTest, TellsAMismatchAgainAfterItWasGone) {
  Books wrong = Dropped(0);
  wrong.processed_ok = 99;
  Slot(1, wrong);
  auditor_.Check();
  Slot(1, Dropped(0));
  EXPECT_TRUE(auditor_.Check());
  Slot(1, wrong);
  auditor_.Check();
  EXPECT_THAT(events_.events(), SizeIs(2));
}

TEST_F(AuditorTest, TellsALossByReason) {
  Slot(1, {.offered = 21,
           .enqueued = 11,
           .dropped_policy = 1,
           .dropped_full = 2,
           .dropped_not_running = 3,
           .dropped_quarantined = 4,
           .lost_in_crash = 5,
           .discarded_on_unload = 6});
  auditor_.Check();
  EXPECT_THAT(
      events_.events(),
      ElementsAre(AllOf(
          Field(&Event::type, "weir.plugin.loss"),
          Field(&Event::source, "plugins/counts"),
          Field(&Event::subject, "counts"),
          Field(&Event::severity, Severity::kWarning),
          Field(&Event::json,
                R"({"dropped_policy":1,"dropped_full":2,)"
                R"("dropped_not_running":3,"dropped_quarantined":4,)"
                R"("lost_in_crash":5,"discarded_on_unload":6,"total":21})"))));
}

TEST_F(AuditorTest, TellsTheDifferenceSinceTheLastTimeAtMostOnceInTenSeconds) {
  Slot(1, Dropped(5));
  CheckAfter(absl::Seconds(1));
  Slot(1, Dropped(7));
  CheckAfter(absl::Seconds(1));
  Slot(1, Dropped(8));
  CheckAfter(absl::Milliseconds(8999));
  EXPECT_THAT(events_.events(), SizeIs(1));

  CheckAfter(absl::Milliseconds(1));
  CheckAfter(absl::Seconds(60));
  EXPECT_THAT(events_.events(),
              ElementsAre(Field(&Event::json, HasSubstr(R"("total":5})")),
                          Field(&Event::json, HasSubstr(R"("total":3})"))));
}

TEST_F(AuditorTest, TellsTheRestAtTheEnd) {
  Slot(1, Dropped(5));
  CheckAfter(absl::Seconds(1));
  Slot(1, Dropped(7));
  auditor_.Finish();
  auditor_.Finish();
  EXPECT_THAT(events_.events(),
              ElementsAre(Field(&Event::json, HasSubstr(R"("total":5})")),
                          Field(&Event::json, HasSubstr(R"("total":2})"))));
}

TEST_F(AuditorTest, TellsTheRestOfAHandlerThatIsGone) {
  Slot(1, Dropped(5));
  CheckAfter(absl::Seconds(1));
  Slot(1, Dropped(7), /*final=*/true);
  Slot(2, Dropped(1));
  CheckAfter(absl::Seconds(1));
  CheckAfter(absl::Seconds(60));
  EXPECT_THAT(events_.events(),
              ElementsAre(Field(&Event::json, HasSubstr(R"("total":5})")),
                          Field(&Event::json, HasSubstr(R"("total":2})")),
                          Field(&Event::json, HasSubstr(R"("total":1})"))));
}

TEST_F(AuditorTest, TellsWithTheNextEventWhatTheLogDidNotTake) {
  events_.Refuse(absl::FailedPreconditionError("closed"));
  Slot(1, Dropped(5), /*final=*/true);
  CheckAfter(absl::Seconds(1));
  events_.Refuse(absl::OkStatus());
  CheckAfter(absl::Seconds(1));
  CheckAfter(absl::Seconds(1));
  EXPECT_THAT(events_.events(),
              ElementsAre(Field(&Event::json, HasSubstr(R"("total":5})"))));
}

TEST_F(AuditorTest, AuditsADispatcher) {
  TestTables tables;
  TestWriter writer(tables);
  Dispatcher dispatcher(tables.types, tables.sources, tables.pool, clock_);
  Auditor auditor(dispatcher, events_, clock_);
  const auto record = std::make_shared<FakeHandlerRecord>();
  record->message_gate.Shut();
  EXPECT_THAT(dispatcher.AddHandler(
                  {.name = "counts", .policy = QueuePolicy::kDropNewest},
                  std::make_unique<FakeHandler>(
                      record, FakeHandlerScript{.capacity = 10})),
              IsOk());
  dispatcher.Dispatch(writer.Updates(30));
  EXPECT_TRUE(auditor.Check());
  record->message_gate.Open();
  ASSERT_TRUE(dispatcher.Drain(absl::InfiniteDuration()));
  dispatcher.Close();
  dispatcher.Dispatch(writer.Updates(2));
  EXPECT_THAT(dispatcher.RemoveHandler("counts", absl::InfiniteDuration()),
              IsOk());
  auditor.Finish();
  EXPECT_THAT(
      events_.events(),
      ElementsAre(
          Field(&Event::json, HasSubstr(R"("dropped_full":20,)")),
          Field(&Event::json, AllOf(HasSubstr(R"("dropped_not_running":2,)"),
                                    HasSubstr(R"("total":2})")))));
}

}  // namespace
}  // namespace weir
