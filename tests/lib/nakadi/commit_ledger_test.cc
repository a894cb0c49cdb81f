#include "lib/nakadi/commit_ledger.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::nakadi {
namespace {

HandedOut End(const std::string& partition, const std::string& offset,
              uint64_t events = 1) {
  return {.cursor = {.partition = partition,
                     .offset = offset,
                     .event_type = "t",
                     .cursor_token = "k"},
          .events = events};
}

std::vector<std::string> Offsets(const CommitLedger& ledger) {
  std::vector<std::string> offsets;
  for (const Cursor& cursor : ledger.Ready()) {
    offsets.push_back(cursor.partition + ":" + cursor.offset);
  }
  return offsets;
}

using Strings = std::vector<std::string>;

TEST(CommitLedgerTest, CommitsOnlyWhatIsContiguous) {
  CommitLedger ledger;
  const uint64_t a = ledger.Add({End("0", "1")}, 10);
  const uint64_t b = ledger.Add({End("0", "2")}, 11);
  const uint64_t c = ledger.Add({End("0", "3")}, 12);
  ledger.Done(c, 20);
  EXPECT_EQ(Offsets(ledger), Strings());
  ledger.Done(a, 21);
  EXPECT_EQ(Offsets(ledger), Strings{"0:1"});
  ledger.Done(b, 22);
  EXPECT_EQ(Offsets(ledger), Strings{"0:3"});
}

TEST(CommitLedgerTest, KeepsPartitionsApart) {
  CommitLedger ledger;
  const uint64_t a = ledger.Add({End("0", "1"), End("1", "7")}, 10);
  const uint64_t b = ledger.Add({End("1", "8"), End("2", "5")}, 11);
  ledger.Done(b, 20);
  EXPECT_EQ(Offsets(ledger), Strings{"2:5"});
  ledger.Done(a, 21);
  EXPECT_EQ(Offsets(ledger), (Strings{"0:1", "1:8", "2:5"}));
}

TEST(CommitLedgerTest, CountsWhatIsOpenUntilItIsCommitted) {
  CommitLedger ledger;
  const uint64_t a = ledger.Add({End("0", "1", 100)}, 10);
  const uint64_t b = ledger.Add({End("0", "2", 50)}, 11);
  EXPECT_EQ(ledger.uncommitted_events(), 150u);
  EXPECT_EQ(ledger.clock_ns(), 10);
  ledger.Done(a, 20);
  EXPECT_EQ(ledger.ready_events(), 100u);
  EXPECT_EQ(ledger.ready_since_ns(), 20);
  const Cursor cursor = ledger.Ready()[0];
  ledger.Done(b, 25);  // While the call is on its way.
  ledger.Committed(cursor, 30);
  EXPECT_EQ(ledger.uncommitted_events(), 50u);
  EXPECT_EQ(ledger.ready_events(), 50u);
  EXPECT_EQ(ledger.clock_ns(), 30);
  EXPECT_EQ(Offsets(ledger), Strings{"0:2"});
  ledger.Committed(ledger.Ready()[0], 40);
  EXPECT_TRUE(ledger.empty());
  EXPECT_FALSE(ledger.clock_ns().has_value());
  EXPECT_FALSE(ledger.ready_since_ns().has_value());
}

TEST(CommitLedgerTest, ForgetsAPartitionThatIsAnothers) {
  CommitLedger ledger;
  const uint64_t a = ledger.Add({End("0", "1", 3), End("1", "7", 4)}, 10);
  const uint64_t b = ledger.Add({End("0", "2", 5)}, 11);
  ledger.Done(a, 20);
  ledger.Forget(ledger.Ready()[0]);
  EXPECT_EQ(ledger.uncommitted_events(), 4u);
  EXPECT_EQ(ledger.ready_events(), 4u);
  ledger.Done(b, 21);
  EXPECT_EQ(Offsets(ledger), Strings{"1:7"});
}

}  // namespace
}  // namespace weir::nakadi
