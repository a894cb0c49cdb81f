#include "host/dispatch/linear_drop.h"

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

// How many of 10,000 messages are dropped with `queued` of 100 in the queue.
int DropsAt(size_t queued) {
  LinearDrop drop(/*capacity=*/100, /*seed=*/1);
  int drops = 0;
  for (int i = 0; i < 10000; ++i) drops += drop.ShouldDrop(queued) ? 1 : 0;
  return drops;
}

TEST(LinearDropTest, DropsMoreTheFullerTheQueueIs) {
  struct Case {
    const char* why;
    size_t queued;
    double want;
  };
  for (const Case& c : std::vector<Case>{
           {"an empty queue takes all", 0, 0},
           {"just below half: still all", 49, 0},
           {"at half the line begins, at zero", 50, 0},
           {"a fifth of the way up", 60, 0.2},
           {"half of the way up", 75, 0.5},
           {"four fifths of the way up", 90, 0.8},
           {"nearly full", 99, 0.98},
           {"full: nothing more goes in", 100, 1},
           {"over-full, after a smaller configuration", 101, 1},
       }) {
    EXPECT_NEAR(LinearDrop::Probability(c.queued / 100.0), c.want, 1e-9)
        << c.why;
    EXPECT_NEAR(DropsAt(c.queued), 10000 * c.want, 150) << c.why;
  }
}

TEST(LinearDropTest, NeverDropsBelowHalfAndAlwaysWhenFull) {
  EXPECT_EQ(DropsAt(50), 0);
  EXPECT_EQ(DropsAt(100), 10000);
}

TEST(LinearDropTest, DecidesTheSameForTheSameSeed) {
  LinearDrop one(100, /*seed=*/7);
  LinearDrop other(100, /*seed=*/7);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(one.ShouldDrop(75), other.ShouldDrop(75)) << "message " << i;
  }
}

TEST(LinearDropTest, DrawsNoNumberWhereTheAnswerIsCertain) {
  LinearDrop one(100, /*seed=*/7);
  LinearDrop other(100, /*seed=*/7);
  for (int i = 0; i < 1000; ++i) {
    one.ShouldDrop(i % 51);
    one.ShouldDrop(100 + i);
  }
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(one.ShouldDrop(75), other.ShouldDrop(75)) << "message " << i;
  }
}

}  // namespace
}  // namespace weir
