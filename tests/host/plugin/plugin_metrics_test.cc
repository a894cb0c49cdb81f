// Both sides of a page of metrics: what a plugin declares, and what the host
// reads of it.
#include "host/plugin/plugin_metrics.h"

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/metric_declarations.h"
#include "host/plugin/metric_page.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

weir_str Str(const std::string& text) { return {text.data(), text.size()}; }

// What an instance measures.
struct Instance {
  explicit Instance(PluginMetrics& slot) { attached.emplace(slot, *page); }

  weir_status Declare(int32_t kind, const std::string& name,
                      const std::vector<uint64_t>& bounds = {},
                      const std::map<std::string, std::string>& labels = {},
                      const std::string& help = "help") {
    std::vector<weir_label> all;
    for (const auto& [key, value] : labels) {
      all.push_back({Str(key), Str(value)});
    }
    weir_metric metric = {};
    metric.struct_size = sizeof(metric);
    metric.kind = kind;
    metric.name = Str(name);
    metric.help = Str(help);
    metric.bounds = bounds.data();
    metric.n_bounds = static_cast<uint32_t>(bounds.size());
    metric.labels = all.data();
    metric.n_labels = static_cast<uint32_t>(all.size());
    return declarations.Declare(metric, &cells);
  }
  void Add(size_t at, uint64_t n) {
    std::atomic_ref<uint64_t>(cells[at]).fetch_add(n);
  }

  std::unique_ptr<MetricPage> page = std::make_unique<MetricPage>();
  std::optional<PluginMetrics::Attachment> attached;
  MetricDeclarations declarations{*page};
  uint64_t* cells = nullptr;  // Of what was declared last.
};

class MetricsTest : public testing::Test {
 protected:
  const PluginMetric& One() {
    read_ = metrics_.Read();
    EXPECT_THAT(read_, SizeIs(1));
    if (read_.empty()) read_.emplace_back();
    return read_[0];
  }

  PluginMetrics metrics_{"origin-watch"};
  std::vector<PluginMetric> read_;
};

TEST_F(MetricsTest, ShowsWhatAPluginMeasuresWithoutAskingIt) {
  Instance instance(metrics_);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "seen_total", {},
                             {{"family", "ipv6"}}),
            WEIR_OK);
  EXPECT_EQ(One().counter, 0u);
  instance.Add(0, 5);
  EXPECT_EQ(One().name, "weir_plugin_origin_watch_seen_total");
  EXPECT_EQ(One().help, "help");
  EXPECT_THAT(One().labels, ElementsAre(Pair("family", "ipv6")));
  EXPECT_EQ(One().counter, 5u);
}

TEST_F(MetricsTest, ReadsAGaugeWithItsSign) {
  Instance instance(metrics_);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_GAUGE, "depth"), WEIR_OK);
  instance.Add(0, static_cast<uint64_t>(-3));
  EXPECT_EQ(One().gauge, -3);
}

TEST_F(MetricsTest, ReadsAHistogram) {
  Instance instance(metrics_);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_HISTOGRAM, "size", {10, 20}), WEIR_OK);
  instance.Add(0, 1);
  instance.Add(1, 2);
  instance.Add(2, 3);
  instance.Add(3, 99);
  EXPECT_THAT(One().bounds, ElementsAre(10, 20));
  EXPECT_THAT(One().counts, ElementsAre(1, 2, 3));
  EXPECT_EQ(One().sum, 99u);
}

TEST_F(MetricsTest, GoesOnWhereTheInstanceBeforeHasEnded) {
  {
    Instance before(metrics_);
    ASSERT_EQ(before.Declare(WEIR_METRIC_GAUGE, "depth"), WEIR_OK);
    before.Add(0, 7);
    ASSERT_EQ(before.Declare(WEIR_METRIC_COUNTER, "seen_total"), WEIR_OK);
    before.Add(0, 5);
  }
  EXPECT_EQ(One().counter, 5u) << "and a gauge of nobody there is not";
  Instance now(metrics_);
  ASSERT_EQ(now.Declare(WEIR_METRIC_COUNTER, "seen_total"), WEIR_OK);
  now.Add(0, 2);
  EXPECT_EQ(One().counter, 7u);
}

TEST_F(MetricsTest, AddsUpTwoInstancesOfAnUpgradeAndShowsTheNewersGauge) {
  Instance before(metrics_);
  Instance next(metrics_);
  uint64_t n = 1;
  for (Instance* instance : {&before, &next}) {
    ASSERT_EQ(instance->Declare(WEIR_METRIC_GAUGE, "a"), WEIR_OK);
    instance->Add(0, n);
    ASSERT_EQ(instance->Declare(WEIR_METRIC_COUNTER, "b"), WEIR_OK);
    instance->Add(0, n++);
  }
  read_ = metrics_.Read();
  ASSERT_THAT(read_, SizeIs(2));
  EXPECT_EQ(read_[0].gauge, 2);
  EXPECT_EQ(read_[1].counter, 3u);
}

TEST_F(MetricsTest, TakesWhatANewVersionSaysThatItIs) {
  {
    Instance before(metrics_);
    ASSERT_EQ(before.Declare(WEIR_METRIC_HISTOGRAM, "size", {10}), WEIR_OK);
    before.Add(0, 5);
  }
  Instance now(metrics_);
  ASSERT_EQ(now.Declare(WEIR_METRIC_HISTOGRAM, "size", {20}), WEIR_OK);
  now.Add(0, 1);
  EXPECT_THAT(One().counts, ElementsAre(1, 0));
}

TEST_F(MetricsTest, GivesTheSameWordsForTheSameSeries) {
  Instance instance(metrics_);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "n", {}, {{"a", "1"}}),
            WEIR_OK);
  uint64_t* const first = instance.cells;
  ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "n", {}, {{"a", "2"}}),
            WEIR_OK);
  EXPECT_NE(instance.cells, first);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "n", {}, {{"a", "1"}}),
            WEIR_OK);
  EXPECT_EQ(instance.cells, first);
  EXPECT_THAT(metrics_.Read(), SizeIs(2));
}

TEST_F(MetricsTest, RefusesWhatBreaksABound) {
  Instance instance(metrics_);
  ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "n"), WEIR_OK);
  const std::vector<uint64_t> many(31, 1);
  std::vector<weir_status> all = {
      instance.Declare(WEIR_METRIC_GAUGE, "n"),
      instance.Declare(0, "m"),
      instance.Declare(4, "m"),
      instance.Declare(WEIR_METRIC_COUNTER, ""),
      instance.Declare(WEIR_METRIC_COUNTER, "1m"),
      instance.Declare(WEIR_METRIC_COUNTER, "Upper"),
      instance.Declare(WEIR_METRIC_COUNTER, std::string(49, 'm')),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {1}),
      instance.Declare(WEIR_METRIC_HISTOGRAM, "m"),
      instance.Declare(WEIR_METRIC_HISTOGRAM, "m", {2, 2}),
      instance.Declare(WEIR_METRIC_HISTOGRAM, "m", many),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {}, {{"K", "v"}}),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {},
                       {{"k", std::string(65, 'v')}}),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {},
                       {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}}),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {}, {}, "two\nlines"),
      instance.Declare(WEIR_METRIC_COUNTER, "m", {}, {}, std::string(201, 'h')),
  };
  EXPECT_THAT(all, testing::Each(WEIR_INVALID));
  EXPECT_EQ(instance.cells, nullptr);
  EXPECT_EQ(metrics_.refused(), all.size());
  EXPECT_THAT(metrics_.Read(), SizeIs(1));
}

TEST_F(MetricsTest, RefusesWhatIsDeclaredAfterCreate) {
  Instance instance(metrics_);
  instance.declarations.Freeze();
  EXPECT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "late_total"),
            WEIR_UNSUPPORTED);
  EXPECT_EQ(metrics_.refused(), 1u);
  EXPECT_THAT(metrics_.Read(), IsEmpty());
}

TEST_F(MetricsTest, HasRoomFor256Series) {
  Instance instance(metrics_);
  for (int i = 0; i < 256; ++i) {
    ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, absl::StrCat("m", i)),
              WEIR_OK);
  }
  EXPECT_EQ(instance.Declare(WEIR_METRIC_COUNTER, "more"), WEIR_AGAIN);
  EXPECT_THAT(metrics_.Read(), SizeIs(256));
}

TEST_F(MetricsTest, BelievesNothingOfWhatIsInAPage) {
  Instance instance(metrics_);
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(instance.Declare(WEIR_METRIC_COUNTER, absl::StrCat("m", i)),
              WEIR_OK);
  }
  MetricPage& page = *instance.page;
  page.series[0].kind = 77;
  page.series[1].first_cell = MetricPage::kMaxCells;
  page.series[2].n_labels = 5;
  page.series[3].kind = WEIR_METRIC_HISTOGRAM;
  page.series[3].n_bounds = 31;
  std::memset(page.series[4].name, '"', sizeof(page.series[4].name));
  std::memset(page.series[5].help, '\xff', sizeof(page.series[5].help));
  page.n_series = 4'000'000;
  EXPECT_EQ(One().name, "weir_plugin_origin_watch_m5");
  EXPECT_THAT(One().help, testing::StartsWith("??"))
      << "what is no UTF-8 is not passed on";
}

}  // namespace
}  // namespace weir
