#include "host/pipeline/books.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(BooksTest, BalanceIfEachMessageIsInOnePlace) {
  const Books books = {.offered = 1 + 2 + 3 + 4 + 5 + 51,
                       .not_wanted = 1,
                       .enqueued = 51,
                       .dropped_policy = 2,
                       .dropped_full = 3,
                       .dropped_not_running = 4,
                       .dropped_quarantined = 5,
                       .processed_ok = 6,
                       .processed_error = 7,
                       .lost_in_crash = 8,
                       .discarded_on_unload = 9,
                       .queued = 20,
                       .in_flight = 1};
  EXPECT_TRUE(books.Balance());
  EXPECT_EQ(books.dropped(), 14u);
}

TEST(BooksTest, DoNotBalanceIfAnyOneCountIsOff) {
  for (uint64_t Books::*counter :
       {&Books::offered, &Books::not_wanted, &Books::enqueued,
        &Books::dropped_policy, &Books::dropped_full,
        &Books::dropped_not_running, &Books::dropped_quarantined,
        &Books::processed_ok, &Books::processed_error, &Books::lost_in_crash,
        &Books::discarded_on_unload, &Books::queued, &Books::in_flight}) {
    Books books;
    EXPECT_TRUE(books.Balance());
    ++(books.*counter);
    EXPECT_FALSE(books.Balance());
  }
}

}  // namespace
}  // namespace weir
