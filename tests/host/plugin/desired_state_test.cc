#include "host/plugin/desired_state.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(DesiredStateTest, KeepsTheNewestDemotionsAndOneOfEachCode) {
  DesiredState state;
  EXPECT_EQ(state.FindDemotion("aa"), nullptr);
  state.Demote({.sha256 = "aa", .reason = "first"});
  state.Demote({.sha256 = "bb", .reason = "second"});
  state.Demote({.sha256 = "aa", .reason = "third"});
  ASSERT_EQ(state.demotions.size(), 2u);
  ASSERT_NE(state.FindDemotion("aa"), nullptr);
  EXPECT_EQ(state.FindDemotion("aa")->reason, "third");
  for (size_t i = 0; i + 1 < DesiredState::kMaxDemotions; ++i) {
    state.Demote({.sha256 = absl::StrCat(i), .reason = ""});
  }
  EXPECT_EQ(state.demotions.size(), DesiredState::kMaxDemotions);
  EXPECT_EQ(state.FindDemotion("bb"), nullptr) << "the oldest has gone";
  EXPECT_NE(state.FindDemotion("aa"), nullptr);
}

}  // namespace
}  // namespace weir
