#include "host/broker/filter.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/event_keys.h"
#include "host/broker/faults.h"
#include "host/broker/filter_classes.h"
#include "host/control/event_filter.h"
#include "host/pipeline/prefix_text.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

using testing::Key;
using testing::Pair;
using testing::UnorderedElementsAre;

std::unique_ptr<const FilterClass> Compile(
    const std::vector<EventFilter>& filters) {
  Faults faults;
  auto filter = FilterClass::Compile(
      filters, FilterClass::kDefaultRegexBudgetBytes, &faults);
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
  return filter;
}

ErrorInfo FaultsOf(const std::vector<EventFilter>& filters,
                   int64_t budget = FilterClass::kDefaultRegexBudgetBytes) {
  Faults faults;
  EXPECT_EQ(FilterClass::Compile(filters, budget, &faults), nullptr);
  return GetErrorInfo(faults.ToStatus()).value_or(ErrorInfo());
}

EventKeys Keys() {
  EventKeys keys;
  keys.type = "hijack.origin";
  keys.source = "plugins/origin-watch";
  keys.subject = "192.0.2.0/24";
  keys.severity = 40;
  keys.labels = {{"a", "1"}, {"b", "2"}};
  keys.json = R"({"expected":64496})";
  keys.prefixes = {*ParsePrefix("192.0.2.0/24"), *ParsePrefix("2001:db8::/32")};
  keys.as_numbers = {64496, 64500};
  return keys;
}

TEST(FilterClassTest, MatchesWhenEverySetFieldDoes) {
  struct Case {
    const char* why;
    EventFilter filter;
    bool want;
  };
  for (const Case& c : std::vector<Case>{
           {"an empty filter takes all", {}, true},
           {"the type", {.types = {"hijack.origin"}}, true},
           {"another type", {.types = {"hijack"}}, false},
           {"one of two types", {.types = {"a", "hijack.origin"}}, true},
           {"the beginning of the type", {.types = {"hijack.*"}}, true},
           {"a beginning ends at a point", {.types = {"hij.*"}}, false},
           {"the source", {.sources = {"plugins/origin-watch"}}, true},
           {"the beginning of the source", {.sources = {"plugins/*"}}, true},
           {"any source", {.sources = {"*"}}, true},
           {"another source", {.sources = {"plugins/origin"}}, false},
           {"a part of the subject", {.subject_regexes = {"0\\.2"}}, true},
           {"not anchored unless it says so",
            {.subject_regexes = {"^0\\.2"}},
            false},
           {"one of two subjects", {.subject_regexes = {"^x", "24$"}}, true},
           {"one of two with the same group",
            {.subject_regexes = {"(?P<a>x)", "(?P<a>24)$"}},
            true},
           {"an open quotation stays its own",
            {.subject_regexes = {"\\Q0.2", "^y$"}},
            true},
           {"severity at the bound", {.min_severity = 40}, true},
           {"severity below the bound", {.min_severity = 41}, false},
           {"a label", {.labels = {{"b", "2"}}}, true},
           {"both labels, in any order",
            {.labels = {{"b", "2"}, {"a", "1"}}},
            true},
           {"a label with another value", {.labels = {{"b", "1"}}}, false},
           {"one label that is there and one that is not",
            {.labels = {{"b", "2"}, {"c", "3"}}},
            false},
           {"the payload", {.json_regexes = {"\"expected\":\\d+"}}, true},
           {"another payload", {.json_regexes = {"got"}}, false},
           {"an AS number", {.as_numbers = {1, 64500}}, true},
           {"other AS numbers", {.as_numbers = {1, 2}}, false},
           {"all fields but one",
            {.types = {"hijack.*"}, .min_severity = 50},
            false},
       }) {
    EXPECT_EQ(Compile({c.filter})->Matches(Keys()), c.want) << c.why;
  }
}

TEST(FilterClassTest, MatchesPrefixesAsTheyStandToEachOther) {
  using enum PrefixMatch;
  struct Case {
    const char* why;
    const char* prefix;
    bool exact, more, less, overlapping;
  };
  for (const Case& c : std::vector<Case>{
           {"the same", "192.0.2.0/24", true, true, true, true},
           {"the filter's is wider", "192.0.0.0/16", false, true, false, true},
           {"the filter's is everything", "0.0.0.0/0", false, true, false,
            true},
           {"the filter's is narrower", "192.0.2.128/25", false, false, true,
            true},
           {"the filter's is one address", "192.0.2.255/32", false, false, true,
            true},
           {"beside it", "192.0.3.0/24", false, false, false, false},
           {"before it", "192.0.1.0/24", false, false, false, false},
           {"the same, IPv6", "2001:db8::/32", true, true, true, true},
           {"IPv6, narrower", "2001:db8:1::/48", false, false, true, true},
           {"all of IPv6 covers only IPv6", "::/0", false, true, false, true},
           {"the same bits in the other family", "c000:200::/24", false, false,
            false, false},
       }) {
    const auto matches = [&](PrefixMatch match) {
      return Compile({{.prefixes = {"198.51.100.0/24", c.prefix},
                       .prefix_match = match}})
          ->Matches(Keys());
    };
    EXPECT_EQ(matches(kExact), c.exact) << c.why;
    EXPECT_EQ(matches(kMoreSpecific), c.more) << c.why;
    EXPECT_EQ(matches(kLessSpecific), c.less) << c.why;
    EXPECT_EQ(matches(kOverlapping), c.overlapping) << c.why;
  }
}

TEST(FilterClassTest, IsAUnion) {
  const auto filter = Compile({{.types = {"x"}}, {.min_severity = 30}});
  EXPECT_TRUE(filter->Matches(Keys()));
  EXPECT_FALSE(
      Compile({{.types = {"x"}}, {.min_severity = 50}})->Matches(Keys()));
  EXPECT_TRUE(Compile({})->matches_everything());
  EXPECT_TRUE(Compile({{.types = {"x"}}, {}})->matches_everything());
}

TEST(FilterClassTest, SaysAllFaultsAtOnceWithTheirPaths) {
  EventFilter bad;
  bad.types = {"ok.*", "*", "Upper", std::string(129, 'a')};
  bad.sources = {"a*b", ""};
  bad.subject_regexes = {"ok", "(", std::string(513, 'a')};
  bad.min_severity = 61;
  bad.labels = {{"", "v"}};
  bad.json_regexes = {"a", "b", "c", "d", "e"};
  bad.prefixes = {"10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/08",
                  "1.2.3/24",   "::1/64",   "10.0.0.0/8"};
  const ErrorInfo info = FaultsOf({{}, bad});
  EXPECT_THAT(
      info.field_violations,
      UnorderedElementsAre(
          Key("filters[1].types[1]"), Key("filters[1].types[2]"),
          Key("filters[1].types[3]"), Key("filters[1].sources[0]"),
          Key("filters[1].sources[1]"), Key("filters[1].subject_regexes[1]"),
          Key("filters[1].subject_regexes[2]"), Key("filters[1].min_severity"),
          Key("filters[1].labels"), Key("filters[1].json_regexes"),
          Key("filters[1].prefixes[0]"), Key("filters[1].prefixes[1]"),
          Key("filters[1].prefixes[2]"), Key("filters[1].prefixes[3]"),
          Key("filters[1].prefixes[4]"), Key("filters[1].prefixes[5]")));
  EXPECT_EQ(info.reason, "INVALID_FIELD") << "that of the first";
}

TEST(FilterClassTest, HasLimits) {
  struct Case {
    const char* path;
    const char* limit;
    std::vector<EventFilter> filters;
  };
  const auto filled = [](auto EventFilter::*field, size_t n,
                         const auto& value) {
    EventFilter filter;
    (filter.*field).assign(n, value);
    return std::vector<EventFilter>{filter};
  };
  const std::string a = "a";
  for (const Case& c : std::vector<Case>{
           {"filters", "16", std::vector<EventFilter>(17)},
           {"filters[0].types", "64", filled(&EventFilter::types, 65, a)},
           {"filters[0].sources", "64", filled(&EventFilter::sources, 65, a)},
           {"filters[0].subject_regexes", "32",
            filled(&EventFilter::subject_regexes, 33, a)},
           {"filters[0].json_regexes", "4",
            filled(&EventFilter::json_regexes, 5, a)},
           {"filters[0].labels", "32",
            filled(&EventFilter::labels, 33, std::pair(a, a))},
           {"filters[0].prefixes", "1024",
            filled(&EventFilter::prefixes, 1025, std::string("::/0"))},
           {"filters[0].as_numbers", "1024",
            filled(&EventFilter::as_numbers, 1025, 7u)},
       }) {
    const ErrorInfo info = FaultsOf(c.filters);
    EXPECT_EQ(info.reason, "FILTER_TOO_LARGE") << c.path;
    EXPECT_THAT(info.metadata, UnorderedElementsAre(Pair("field", c.path),
                                                    Pair("limit", c.limit)));
  }
}

TEST(FilterClassTest, RefusesARegexThatDoesNotFitTheBudget) {
  const std::string pattern = "((a{30}){30})";
  const ErrorInfo info =
      FaultsOf({{.subject_regexes = {pattern}}}, /*budget=*/8 << 10);
  EXPECT_EQ(info.reason, "INVALID_FILTER_REGEX");
  EXPECT_EQ(info.metadata.at("field"), "filters[0].subject_regexes[0]");
  EXPECT_EQ(info.metadata.at("pattern"), pattern);
  EXPECT_NE(info.metadata.at("error"), "");
}

TEST(FilterClassTest, EqualFiltersShareOneClass) {
  FilterClasses classes(FilterClass::kDefaultRegexBudgetBytes);
  Faults faults;
  const EventFilter one = {.types = {"a", "b"},
                           .labels = {{"k", "1"}, {"l", "2"}},
                           .prefixes = {"10.0.0.0/8", "2001:db8::/32"}};
  const EventFilter other = {.types = {"b", "a", "a"},
                             .labels = {{"l", "2"}, {"k", "1"}},
                             .prefixes = {"2001:0DB8::/32", "10.0.0.0/8"}};
  const EventFilter third = {.types = {"a", "c"}};
  auto first = classes.Get({one, third}, &faults);
  EXPECT_EQ(classes.Get({third, other, other}, &faults), first);
  EXPECT_NE(classes.Get({one}, &faults), first);
  EXPECT_EQ(classes.size(), 1) << "the other one is gone again";
  first = nullptr;
  EXPECT_EQ(classes.size(), 0);
}

TEST(FilterClassTest, WhatIsWrittenSimilarlyIsNotTheSame) {
  FilterClasses classes(FilterClass::kDefaultRegexBudgetBytes);
  Faults faults;
  const std::vector<std::vector<EventFilter>> all = {
      {},
      {{.types = {"a"}}},
      {{.sources = {"a"}}},
      {{.subject_regexes = {"a"}}},
      {{.json_regexes = {"a"}}},
      {{.types = {"a", "b"}}},
      {{.types = {"a"}}, {.types = {"b"}}},
      {{.prefixes = {"::/0"}, .prefix_match = PrefixMatch::kExact}},
      {{.prefixes = {"::/0"}, .prefix_match = PrefixMatch::kMoreSpecific}},
      {{.prefixes = {"0.0.0.0/0"}, .prefix_match = PrefixMatch::kExact}},
      {{.as_numbers = {1, 2}}},
      {{.as_numbers = {12}}},
      {{.min_severity = 10}},
  };
  std::vector<std::shared_ptr<const FilterClass>> held;
  for (const auto& filters : all) held.push_back(classes.Get(filters, &faults));
  EXPECT_EQ(classes.size(), all.size()) << faults.ToStatus();
}

}  // namespace
}  // namespace weir
