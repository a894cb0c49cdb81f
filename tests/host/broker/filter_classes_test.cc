#include "host/broker/filter_classes.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/event_keys.h"
#include "host/broker/event_mask.h"
#include "host/broker/faults.h"
#include "host/broker/filter.h"
#include "host/broker/regex_scan.h"
#include "host/broker/regex_set.h"
#include "host/control/event_filter.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr int64_t kBudget = 8 << 20;

std::vector<uint32_t> ListOf(EventMask mask) {
  std::vector<uint32_t> events;
  while (!mask.empty()) events.push_back(mask.TakeFirst());
  return events;
}

TEST(EventMaskTest, HasARange) {
  EXPECT_THAT(ListOf(EventMask::Range(0, 0)), IsEmpty());
  EXPECT_THAT(ListOf(EventMask::Range(62, 66)), ElementsAre(62, 63, 64, 65));
  EXPECT_THAT(ListOf(EventMask::Range(255, 256)), ElementsAre(255));
  EXPECT_EQ(ListOf(EventMask::Range(0, 256)).size(), 256u);
  EXPECT_EQ(ListOf(EventMask::Range(64, 128)).size(), 64u);
  EXPECT_EQ(ListOf(~EventMask::Range(10, 250)).size(), 16u);
}

TEST(EventMaskTest, SetsAndClears) {
  EventMask mask;
  mask.Set(3);
  mask.Set(200);
  EXPECT_TRUE(mask.Has(200));
  mask.Clear(200);
  EXPECT_FALSE(mask.Has(200));
  EXPECT_THAT(ListOf(mask | EventMask::Range(4, 5)), ElementsAre(3, 4));
  EXPECT_THAT(ListOf(mask & EventMask::Range(4, 5)), IsEmpty());
}

TEST(RegexSetTest, FindsAllThatAreThere) {
  const auto set = RegexSet::Make({"b+", "^a", "c$", "b+"}, kBudget);
  ASSERT_NE(set, nullptr);
  EXPECT_EQ(set->size(), 3u);
  std::vector<int> found;
  ASSERT_TRUE(set->Find("abb", &found));
  EXPECT_THAT(found,
              UnorderedElementsAre(*set->NumberOf("^a"), *set->NumberOf("b+")));
  ASSERT_TRUE(set->Find("xyz", &found));
  EXPECT_THAT(found, IsEmpty());
  EXPECT_FALSE(set->NumberOf("d").has_value());
}

TEST(RegexSetTest, IsNoneBeyondItsBounds) {
  EXPECT_EQ(RegexSet::Make({"[a-z]{100}[0-9]{100}"}, 1000), nullptr);
  std::vector<std::string> many;
  for (size_t i = 0; i <= RegexSet::kMaxPatterns; ++i) {
    many.push_back(absl::StrCat("p", i, "$"));
  }
  EXPECT_EQ(RegexSet::Make(many, 1 << 30), nullptr);
}

TEST(RegexScanTest, LooksAtEachEventOnceWhoeverAsks) {
  std::atomic<uint64_t> overflows{0};
  RegexScan scan(RegexSet::Make({"a", "b"}, kBudget), overflows);
  const std::vector<std::string> texts = {"a", "b", "ab", "-"};
  int looks = 0;
  const auto text_of = [&](uint32_t i) {
    ++looks;
    return absl::string_view(texts[i]);
  };
  EXPECT_THAT(ListOf(scan.Find(EventMask::Range(0, 2), {"a"}, text_of)->found),
              ElementsAre(0));
  EXPECT_THAT(ListOf(scan.Find(EventMask::Range(0, 4), {"b"}, text_of)->found),
              ElementsAre(1, 2));
  EXPECT_THAT(
      ListOf(scan.Find(EventMask::Range(0, 3), {"a", "b"}, text_of)->found),
      ElementsAre(0, 1, 2));
  EXPECT_EQ(looks, 4);
  EXPECT_FALSE(
      scan.Find(EventMask::Range(0, 4), {"a", "c"}, text_of).has_value());
}

// Events of a few words, and filters that look for some of them.
class FilterClassesTest : public testing::Test {
 protected:
  static constexpr uint32_t kEvents = 256;

  FilterClassesTest() {
    for (uint32_t i = 0; i < kEvents; ++i) {
      EventKeys& keys = keys_.emplace_back();
      keys.type = Word();
      keys.source = "plugins/test";
      keys.subject = absl::StrCat(Word(), " ", Word());
      texts_.push_back(absl::StrCat("{\"", Word(), "\":\"", Word(), "\"}"));
    }
    for (uint32_t i = 0; i < kEvents; ++i) keys_[i].json = texts_[i];
  }

  std::string Word() {
    constexpr const char* kWords[] = {"as64496", "as64500", "leak", "hijack",
                                      "moas",    "up",      "down", "flap"};
    return kWords[random_() % 8];
  }

  EventFilter RandomFilter() {
    EventFilter filter;
    if (random_() % 2 == 0) filter.types = {Word()};
    for (uint32_t i = random_() % 3; i > 0; --i) {
      filter.subject_regexes.push_back(
          absl::StrCat(random_() % 2 == 0 ? "^" : "", Word()));
    }
    if (random_() % 3 == 0) {
      filter.json_regexes = {absl::StrCat("\"", Word(), "\"}$")};
    }
    return filter;
  }

  std::shared_ptr<const FilterClass> Get(FilterClasses& classes,
                                         const std::vector<EventFilter>& all) {
    Faults faults;
    auto filter = classes.Get(all, &faults);
    EXPECT_NE(filter, nullptr);
    return filter;
  }

  // What passes, event by event: what the sets must say, too.
  EventMask OneByOne(const FilterClass& filter, const EventMask& wanted) const {
    EventMask passed;
    for (EventMask rest = wanted; !rest.empty();) {
      const uint32_t i = rest.TakeFirst();
      if (filter.Matches(keys_[i])) passed.Set(i);
    }
    return passed;
  }

  std::mt19937 random_{1};
  std::vector<EventKeys> keys_;
  std::vector<std::string> texts_;
};

TEST_F(FilterClassesTest, TogetherTheyMatchWhatEachMatchesAlone) {
  FilterClasses classes(kBudget);
  std::vector<std::shared_ptr<const FilterClass>> filters;
  int matched = 0;
  for (uint64_t round = 0; round < 20; ++round) {
    for (int i = 0; i < 5; ++i) {
      filters.push_back(Get(classes, {RandomFilter(), RandomFilter()}));
    }
    // The first five of a round are not in the sets yet, half of the time.
    if (round % 2 == 0) classes.MakeSets();
    for (const auto& filter : filters) {
      const uint32_t begin = random_() % kEvents;
      const EventMask wanted = EventMask::Range(begin, kEvents);
      const EventMask passed =
          filter->Match(keys_.data(), wanted, classes.ScansOf(round));
      ASSERT_EQ(passed, OneByOne(*filter, wanted));
      matched += passed.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(matched, 100);
  EXPECT_NE(classes.ScansOf(1).subject, nullptr);
  EXPECT_NE(classes.ScansOf(1).json, nullptr);
  EXPECT_FALSE(classes.degraded());
}

TEST_F(FilterClassesTest, OneClassNeedsNoSet) {
  FilterClasses classes(kBudget);
  EventFilter filter;
  filter.subject_regexes = {"leak"};
  const auto one = Get(classes, {filter});
  classes.MakeSets();
  EXPECT_EQ(classes.ScansOf(1).subject, nullptr);
  filter.subject_regexes = {"moas"};
  auto other = Get(classes, {filter});
  classes.MakeSets();
  EXPECT_NE(classes.ScansOf(1).subject, nullptr);
  EXPECT_EQ(classes.ScansOf(1).json, nullptr);
  other = nullptr;
  classes.MakeSets();
  EXPECT_EQ(classes.ScansOf(1).subject, nullptr);
}

TEST_F(FilterClassesTest, ASetStaysWhileItDoes) {
  FilterClasses classes(kBudget);
  EventFilter filter;
  filter.subject_regexes = {"leak", "moas"};
  const auto one = Get(classes, {filter});
  filter.subject_regexes = {"up"};
  const auto two = Get(classes, {filter});
  classes.MakeSets();
  const uint64_t id = classes.ScansOf(1).subject->set().id();
  filter.types = {"a.b"};
  const auto three = Get(classes, {filter});
  classes.MakeSets();
  EXPECT_EQ(classes.ScansOf(1).subject->set().id(), id);
  filter.subject_regexes = {"down"};
  const auto four = Get(classes, {filter});
  classes.MakeSets();
  EXPECT_NE(classes.ScansOf(1).subject->set().id(), id);
}

TEST_F(FilterClassesTest, WhatDoesNotFitIsMatchedOneByOneAndSaidSo) {
  // Each fits into its own budget, and two hundred, which have no beginning in
  // common, not into that of a set.
  FilterClasses classes(64 << 10);
  std::vector<std::shared_ptr<const FilterClass>> filters;
  for (int i = 0; i < 200; ++i) {
    EventFilter filter;
    filter.subject_regexes = {absl::StrCat(i, "[ab]{400}$")};
    filters.push_back(Get(classes, {filter}));
  }
  EXPECT_FALSE(classes.degraded());
  classes.MakeSets();
  EXPECT_TRUE(classes.degraded());
  EXPECT_EQ(classes.ScansOf(1).subject, nullptr);
  keys_[5].subject = "7" + std::string(400, 'a');
  const EventMask all = EventMask::Range(0, kEvents);
  for (int i = 0; i < 200; ++i) {
    const EventMask passed = filters[static_cast<size_t>(i)]->Match(
        keys_.data(), all, classes.ScansOf(1));
    ASSERT_EQ(passed, OneByOne(*filters[static_cast<size_t>(i)], all));
    ASSERT_EQ(passed.Has(5), i == 7);
  }

  filters.resize(3);
  classes.MakeSets();
  EXPECT_FALSE(classes.degraded()) << "now they fit";
  EXPECT_NE(classes.ScansOf(1).subject, nullptr);
}

TEST_F(FilterClassesTest, ItsThreadMakesTheSets) {
  FilterClasses classes(kBudget);
  classes.Start();
  EventFilter filter;
  filter.subject_regexes = {"leak"};
  const auto one = Get(classes, {filter});
  filter.subject_regexes = {"moas"};
  const auto two = Get(classes, {filter});
  while (classes.ScansOf(1).subject == nullptr) std::this_thread::yield();
  classes.Stop();
  classes.Stop();
}

}  // namespace
}  // namespace weir
