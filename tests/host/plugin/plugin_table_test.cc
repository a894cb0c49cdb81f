#include "host/plugin/plugin_table.h"

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fixtures/c_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;

weir_plugin Good() { return C_PLUGIN_TABLE; }

TEST(PluginTableTest, RefusesATableNamingWhatIsWrong) {
  struct Case {
    const char* why;
    std::function<void(weir_plugin&)> spoil;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"too short", [](auto& t) { t.struct_size = 16; },
            "its table has 16 bytes, of ABI 1.0 it has 56"},
           {"another ABI", [](auto& t) { t.abi_major = 2; },
            "its table is of ABI 2, this host speaks 1"},
           {"no create", [](auto& t) { t.create = nullptr; }, "its create is"},
           {"no destroy", [](auto& t) { t.destroy = nullptr; },
            "its destroy is"},
           {"no capacity", [](auto& t) { t.queue_capacity = nullptr; },
            "its queue_capacity is"},
           {"no wants", [](auto& t) { t.wants_message = nullptr; },
            "its wants_message is"},
           {"no handle", [](auto& t) { t.handle_message = nullptr; },
            "its handle_message is"},
           {"no extensions", [](auto& t) { t.get_ext = nullptr; },
            "its get_ext is"},
       }) {
    weir_plugin table = Good();
    c.spoil(table);
    EXPECT_THAT(CopyPluginTable(&table),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.want)))
        << c.why;
  }
  EXPECT_THAT(CopyPluginTable(nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("returned null for ABI 1")));
}

TEST(PluginTableTest, ReadsNothingBeyondWhatAShortTableDeclares) {
  // Eight bytes on the heap, so that a sanitizer sees a read beyond them.
  const std::unique_ptr<uint32_t[]> bytes(new uint32_t[2]{8, WEIR_ABI_MAJOR});
  EXPECT_THAT(
      CopyPluginTable(reinterpret_cast<const weir_plugin*>(bytes.get())),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8 bytes")));
}

TEST(PluginTableTest, IgnoresWhatANewerPluginAppended) {
  struct {
    weir_plugin table;
    void* appended;
  } newer = {Good(), nullptr};
  newer.table.struct_size = sizeof(newer);
  newer.table.abi_minor = 7;
  const auto copy = CopyPluginTable(&newer.table);
  ASSERT_THAT(copy, IsOk());
  EXPECT_EQ(copy->create, newer.table.create);
}

}  // namespace
}  // namespace weir
