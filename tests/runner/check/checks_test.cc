#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "re2/re2.h"
#include "runner/check/check.h"

namespace weir {
namespace {

TEST(ChecksTest, AreCalledByGroupAndName) {
  std::set<std::string> ids;
  for (const Check& check : AllChecks()) {
    EXPECT_TRUE(RE2::FullMatch(check.id, "[a-z]+\\.[a-z-]+")) << check.id;
    EXPECT_TRUE(ids.insert(check.id).second) << check.id << " is there twice";
    EXPECT_GT(check.hint.size(), 20u) << check.id;
    EXPECT_TRUE(check.run || check.id.rfind("file.", 0) == 0) << check.id;
  }
}

TEST(ChecksTest, ComeAfterWhatTheyNeed) {
  std::set<std::string> before;
  for (const Check& check : AllChecks()) {
    for (const std::string& need : check.needs) {
      EXPECT_EQ(before.count(need), 1u) << check.id << " needs " << need;
    }
    before.insert(check.id);
  }
}

// Code of the plugin runs only once its file was found to be whole.
TEST(ChecksTest, LoadNothingThatWasNotLookedAt) {
  std::set<std::string> safe = {};
  for (const Check& check : AllChecks()) {
    const std::string group = check.id.substr(0, check.id.find('.'));
    if (group == "file" || group == "elf") continue;
    const bool by_itself =
        std::count(check.needs.begin(), check.needs.end(), "elf.bounds") > 0;
    const bool by_another =
        std::any_of(check.needs.begin(), check.needs.end(),
                    [&](const std::string& id) { return safe.count(id) > 0; });
    EXPECT_TRUE(by_itself || by_another) << check.id;
    safe.insert(check.id);
  }
}

}  // namespace
}  // namespace weir
