// Plugins that were built when their ABI was new, and never since.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/plugin_metric.h"
#include "host/control/plugin_operation.h"
#include "host/control/sandbox_profile.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/real_plugins.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
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

  bool Processed(const std::string& id, uint64_t n) {
    return plugins_.Await(
        [&] { return plugins_.Stats(id).handler.books.processed_ok == n; });
  }

  absl::StatusCode Configure(const std::string& id, const std::string& config) {
    return plugins_.Do({.kind = PluginOperation::Kind::kConfigure,
                        .name = "plugins/" + id,
                        .config_json = config});
  }

  // It measured `n` messages of 8 bytes, the last of which was `last`.
  void ExpectMetrics(const std::string& id, uint64_t n, uint64_t last) {
    const std::vector<PluginMetric> metrics = plugins_.Stats(id).metrics;
    ASSERT_THAT(metrics, SizeIs(3));
    std::string of(id);
    std::replace(of.begin(), of.end(), '-', '_');
    EXPECT_EQ(metrics[0].name, absl::StrCat("weir_plugin_", of, "_last"));
    EXPECT_EQ(metrics[0].gauge, -static_cast<int64_t>(last));
    EXPECT_EQ(metrics[1].name,
              absl::StrCat("weir_plugin_", of, "_messages_total"));
    EXPECT_THAT(metrics[1].labels, ElementsAre(Pair("how", "well")));
    EXPECT_EQ(metrics[1].counter, n);
    EXPECT_EQ(metrics[2].name, absl::StrCat("weir_plugin_", of, "_sizes"));
    EXPECT_THAT(metrics[2].bounds, ElementsAre(1u, 10u));
    EXPECT_THAT(metrics[2].counts, ElementsAre(0u, n, 0u));
    EXPECT_EQ(metrics[2].sum, 8 * n);
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

// What a service is worth shows in what the host knows afterwards.
TEST_P(OldPluginTest, IsServedForEver) {
  for (const std::string name : {"services_1_0", "services_sdk_1_0"}) {
    SCOPED_TRACE(name);
    PluginSlotSpec spec =
        RealPlugins::Slot(name, absl::StrCat(kFolder, name, ".so"), GetParam());
    spec.options.sandbox = SandboxProfile::kFiles;  // Else: no directory.
    plugins_.Load({spec});
    ASSERT_EQ(plugins_.Status(spec.id).state, State::kRunning)
        << plugins_.Status(spec.id).error;
    EXPECT_EQ(plugins_.Status(spec.id).sha256, DigestOf(name + ".so"))
        << "it was built anew";
    EXPECT_TRUE(plugins_.Await(
        [&] { return !Said(spec.id, "services.tick").empty(); }));

    // Each message that all services served is told of.
    const uint64_t before = plugins_.sent();
    plugins_.Send(1);
    ASSERT_TRUE(Processed(spec.id, 1));
    EXPECT_THAT(
        Said(spec.id, "services.message"),
        ElementsAre(Field(&Event::json, R"({"handled": 1, "kept": "none"})")));
    plugins_.Send(1);
    ASSERT_TRUE(Processed(spec.id, 2));
    EXPECT_TRUE(plugins_.Await([&] {
      return plugins_.Status(spec.id).health == "an old feed";
    })) << plugins_.Status(spec.id).health;
    EXPECT_EQ(PluginDir::Read(absl::StrCat(plugins_.dir().state(), "/plugins/",
                                           spec.id, "/data/last")),
              absl::StrCat(before + 2));
    ExpectMetrics(spec.id, 2, before + 2);

    // What it takes anew, and what is refused, without a new instance.
    EXPECT_EQ(Configure(spec.id, R"({"level": 10})"),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Configure(spec.id, R"({"level": 9})"), absl::StatusCode::kOk);
    EXPECT_THAT(Said(spec.id, "services.configured"), SizeIs(1));

    // Its state goes to the next instance, and so do its keys and counters.
    ASSERT_EQ(plugins_.Do({.kind = PluginOperation::Kind::kReload,
                           .name = "plugins/" + spec.id}),
              absl::StatusCode::kOk);
    plugins_.Send(1);
    ASSERT_TRUE(Processed(spec.id, 3));
    const std::vector<Event> said = Said(spec.id, "services.message");
    ASSERT_THAT(said, SizeIs(3));
    EXPECT_EQ(said[2].json,
              absl::StrCat(R"({"handled": 3, "kept": ")", before + 2, "\"}"));
    ExpectMetrics(spec.id, 3, before + 3);
  }
}

}  // namespace
}  // namespace weir
