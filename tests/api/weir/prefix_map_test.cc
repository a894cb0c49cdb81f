#include "weir/prefix_map.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PrefixMap<int> MapOf(const std::vector<std::string>& prefixes) {
  PrefixMap<int> map;
  for (const std::string& text : prefixes) {
    map.Insert(*Prefix::Parse(text), static_cast<int>(map.size()));
  }
  return map;
}

std::vector<std::string> Covering(const PrefixMap<int>& map,
                                  const std::string& prefix) {
  std::vector<std::string> found;
  map.ForEachCovering(*Prefix::Parse(prefix), [&](const Prefix& key, int) {
    found.push_back(key.ToString());
  });
  return found;
}

std::vector<std::string> Covered(const PrefixMap<int>& map,
                                 const std::string& prefix) {
  std::vector<std::string> found;
  map.ForEachCovered(*Prefix::Parse(prefix), [&](const Prefix& key, int) {
    found.push_back(key.ToString());
  });
  return found;
}

TEST(PrefixMapTest, FindsWhatCoversAPrefixTheLeastSpecificFirst) {
  const auto map = MapOf({"10.1.2.0/24", "10.0.0.0/8", "10.1.0.0/16",
                          "10.2.0.0/16", "0.0.0.0/0", "::/0"});
  EXPECT_THAT(
      Covering(map, "10.1.2.0/25"),
      ElementsAre("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"));
  EXPECT_THAT(Covering(map, "10.1.0.0/16"),
              ElementsAre("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"));
  EXPECT_THAT(Covering(map, "2001:db8::/32"), ElementsAre("::/0"));
}

TEST(PrefixMapTest, FindsWhatAPrefixCoversInOrder) {
  const auto map = MapOf({"10.1.2.0/24", "10.0.0.0/8", "10.1.0.0/16",
                          "10.2.0.0/16", "11.0.0.0/8"});
  EXPECT_THAT(
      Covered(map, "10.0.0.0/8"),
      ElementsAre("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16"));
  EXPECT_THAT(Covered(map, "10.0.0.0/15"),
              ElementsAre("10.1.0.0/16", "10.1.2.0/24"));
  EXPECT_THAT(Covered(map, "10.1.3.0/24"), IsEmpty());
  EXPECT_THAT(Covered(map, "2001:db8::/32"), IsEmpty());
}

TEST(PrefixMapTest, KeepsTheFirstValueOfAPrefix) {
  PrefixMap<std::string> map;
  const Prefix prefix = *Prefix::Parse("192.0.2.0/24");
  EXPECT_TRUE(map.Insert(prefix, "first").second);
  EXPECT_FALSE(map.Insert(prefix, "second").second);
  EXPECT_EQ(*map.Find(prefix), "first");
  EXPECT_EQ(map.size(), 1u);
}

TEST(PrefixMapTest, HasNoEntryWhereItOnlyForks) {
  const auto map = MapOf({"10.0.0.0/24", "10.0.1.0/24"});
  EXPECT_EQ(map.Find(*Prefix::Parse("10.0.0.0/23")), nullptr);
  EXPECT_EQ(map.size(), 2u);
  EXPECT_EQ(map.LongestMatch(*Address::Parse("10.0.2.1")).first, nullptr);
}

// Prefixes that have much in common, so that they cover each other.
Prefix RandomPrefix(std::mt19937& random) {
  std::array<uint8_t, 16> bytes = {};
  const int family = random() % 2 == 0 ? 4 : 6;
  for (uint8_t& byte : bytes) byte = random() % 4 == 0 ? 0x80 : 0;
  return {Address(family, bytes.data()),
          static_cast<int>(random() % (family == 4 ? 33 : 129))};
}

TEST(PrefixMapTest, AnswersAsAnExhaustiveSearchDoes) {
  std::mt19937 random(1);
  PrefixMap<int> map;
  std::unordered_map<Prefix, int> model;
  for (int i = 0; i < 4000; ++i) {
    const Prefix prefix = RandomPrefix(random);
    if (random() % 3 == 0) {
      EXPECT_EQ(map.Erase(prefix), model.erase(prefix) == 1);
    } else {
      EXPECT_EQ(map.Insert(prefix, i).second, model.emplace(prefix, i).second);
    }
    ASSERT_EQ(map.size(), model.size());

    const Prefix asked = RandomPrefix(random);
    const auto exact = model.find(asked);
    const int* const found = map.Find(asked);
    ASSERT_EQ(found != nullptr, exact != model.end());
    if (found != nullptr) {
      EXPECT_EQ(*found, exact->second);
    }
    size_t covering = 0, covered = 0;
    int longest = -1;
    for (const auto& [key, value] : model) {
      covered += asked.Covers(key) ? 1 : 0;
      if (!key.Covers(asked)) continue;
      ++covering;
      longest = std::max(longest, key.length());
    }
    map.ForEachCovering(asked, [&](const Prefix& key, int value) {
      --covering;
      EXPECT_TRUE(key.Covers(asked));
      EXPECT_EQ(model.at(key), value);
    });
    map.ForEachCovered(asked, [&](const Prefix& key, int value) {
      --covered;
      EXPECT_TRUE(asked.Covers(key));
      EXPECT_EQ(model.at(key), value);
    });
    ASSERT_EQ(covering, 0u) << asked.ToString();
    ASSERT_EQ(covered, 0u) << asked.ToString();
    const auto [match, key] = map.LongestMatch(asked);
    ASSERT_EQ(match == nullptr, longest == -1);
    if (match != nullptr) {
      EXPECT_EQ(key.length(), longest);
    }
  }
  size_t all = 0;
  map.ForEach([&](const Prefix&, int) { ++all; });
  EXPECT_EQ(all, model.size());
}

}  // namespace
}  // namespace weir::bgp
