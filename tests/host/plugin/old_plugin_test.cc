// Plugins that were built when their ABI was new, and never since.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_plugins.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

using State = PluginStatus::State;
using Isolation = PluginStatus::Isolation;

constexpr char kFolder[] = "tests/fixtures/abi/1.0/";
constexpr size_t kMessages = 40;

// The digest of a kept file, as it was written down.
std::string DigestOf(const std::string& name) {
  std::ifstream sums(std::string(kFolder) + "SHA256SUMS");
  std::string digest;
  std::string file;
  while (sums >> digest >> file) {
    if (file == name) return digest;
  }
  return "";
}

class OldPluginTest : public testing::TestWithParam<Isolation> {
 protected:
  void SetUp() override {
#ifndef __x86_64__
    GTEST_SKIP() << "the kept plugins are for x86-64";
#endif
  }

  // What the slot `id` said of type `type`.
  std::vector<Event> Said(const std::string& id, absl::string_view type) {
    std::vector<Event> said;
    for (Event& event : plugins_.heard().events()) {
      if (event.type == type && event.source == "plugins/" + id) {
        said.push_back(std::move(event));
      }
    }
    return said;
  }

  RealPlugins plugins_;
};

INSTANTIATE_TEST_SUITE_P(WhereverItRuns, OldPluginTest,
                         testing::Values(Isolation::kChild,
                                         Isolation::kInProcess),
                         [](const auto& where) {
                           return where.param == Isolation::kChild
                                      ? "InAChild"
                                      : "InProcess";
                         });

TEST_P(OldPluginTest, RunsForEver) {
  for (const std::string name : {"ok_1_0", "ok_sdk_1_0"}) {
    SCOPED_TRACE(name);
    const PluginSlotSpec spec =
        RealPlugins::Slot(name, absl::StrCat(kFolder, name, ".so"), GetParam());
    plugins_.Load({spec});
    const PluginStatus status = plugins_.Status(spec.id);
    ASSERT_EQ(status.state, State::kRunning) << status.error;
    EXPECT_EQ(status.sha256, DigestOf(name + ".so")) << "it was built anew";
    EXPECT_EQ(status.abi_version, 1u);
    EXPECT_EQ(status.version, "1.0.0");
    EXPECT_EQ(status.requested_capacity, 100);
    EXPECT_THAT(status.event_types, Contains("old.message"));

    const uint64_t before = plugins_.sent();
    plugins_.Send(kMessages);
    ASSERT_TRUE(plugins_.Await([&] {
      return plugins_.Stats(spec.id).handler.books.processed_ok == kMessages;
    })) << Imbalance(plugins_.Stats(spec.id).handler.books);
    const std::vector<Event> said = Said(spec.id, "old.message");
    ASSERT_THAT(said, SizeIs(kMessages));
    EXPECT_EQ(said[0].subject, absl::StrCat(before + 1));
    EXPECT_EQ(said[0].json, "{\"a\": 1}");
    EXPECT_EQ(said[0].severity, Severity::kWarning);
    EXPECT_THAT(said[0].labels,
                ElementsAre(Pair("type", "UPDATE"), Pair("source", "test")));
    EXPECT_THAT(said[0].prefixes, SizeIs(1));
    EXPECT_THAT(said[0].as_numbers, ElementsAre(64496u));
    if (name == "ok_sdk_1_0") {
      EXPECT_TRUE(
          plugins_.Await([&] { return !Said(spec.id, "old.tick").empty(); }));
    }
  }
  plugins_.set().UnloadAll();
  EXPECT_THAT(plugins_.heard().lines(), Contains(HasSubstr("created")));
  EXPECT_THAT(plugins_.heard().lines(), Contains(HasSubstr("destroyed")));
}

}  // namespace
}  // namespace weir
