#include "host/pipeline/name_table.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(NameTableTest, GivesEachNameOneNumberForEver) {
  NameTable names;
  const uint16_t a = names.Intern("a");
  const uint16_t b = names.Intern("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(names.Intern("a"), a);
  EXPECT_EQ(names.Name(a), "a");
  EXPECT_EQ(names.Name(b), "b");
  EXPECT_EQ(names.size(), 3u);
}

TEST(NameTableTest, HasOtherFromTheStart) {
  NameTable names;
  EXPECT_EQ(names.Name(NameTable::kOther), "OTHER");
  EXPECT_EQ(names.Intern("OTHER"), NameTable::kOther);
}

TEST(NameTableTest, CallsOtherWhatItHasNoNumberFor) {
  NameTable names;
  for (size_t i = 1; i < NameTable::kMaxNames; ++i) {
    ASSERT_EQ(names.Intern(absl::StrCat("name-", i)), i);
  }
  EXPECT_EQ(names.Intern("one too many"), NameTable::kOther);
  EXPECT_EQ(names.Intern("name-7"), 7);
  EXPECT_EQ(names.size(), NameTable::kMaxNames);
}

TEST(NameTableTest, HasNoNameForANumberThatItNeverGave) {
  NameTable names;
  EXPECT_EQ(names.Name(1), "");
  EXPECT_EQ(names.Name(SIZE_MAX), "");
}

TEST(NameTableTest, NumbersTheTypesOfRisLiveAsConstants) {
  NameTable types;
  InternWellKnownTypes(types);
  struct Case {
    uint16_t number;
    const char* name;
  };
  for (const Case& c : std::vector<Case>{{kTypeOther, "OTHER"},
                                         {kTypeRaw, "RAW"},
                                         {kTypeUpdate, "UPDATE"},
                                         {kTypeKeepalive, "KEEPALIVE"},
                                         {kTypeState, "STATE"},
                                         {kTypeOpen, "OPEN"},
                                         {kTypeNotification, "NOTIFICATION"}}) {
    EXPECT_EQ(types.Name(c.number), c.name);
  }
  EXPECT_EQ(types.size(), kWellKnownTypes);
}

TEST(NameTableTest, IsReadWhileItGrows) {
  NameTable names;
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) names.Intern(std::string(i, 'x'));
  });
  for (size_t seen = 0; seen < 1000;) {
    seen = names.size();
    for (size_t id = 0; id < seen; ++id) {
      ASSERT_EQ(names.Name(id).size(), id == 0 ? 5 : id - 1);
    }
  }
  writer.join();
}

}  // namespace
}  // namespace weir
