#include "host/plugin/plugin_host_services.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

weir_str Str(const std::string& text) { return {text.data(), text.size()}; }

class PluginHostServicesTest : public testing::Test {
 protected:
  weir_status Emit(const weir_event& event) {
    const auto* const emit = static_cast<const weir_ext_emit*>(
        services_.table()->get_ext(services_.table()->ctx, WEIR_EXT_EMIT));
    return emit->emit(services_.table()->ctx, &event);
  }
  weir_event Event(const std::string& kind = "hijack.origin") {
    kind_ = kind;
    weir_event event = {};
    event.struct_size = sizeof(event);
    event.kind = Str(kind_);
    return event;
  }
  void Log(const std::string& text) {
    services_.table()->log(services_.table()->ctx, WEIR_SEVERITY_NOTICE,
                           text.data(), text.size());
  }
  uint64_t Rejected(const char* why) {
    return services_.counts().rejected[why];
  }

  std::string kind_;
  FakeClock clock_;
  FakeEventSink sink_;
  NameTable types_, sources_;
  std::vector<std::string> lines_;
  PluginHostServices services_{
      {.name = "plugins/x",
       .emit_limit_per_second = 5,
       .log_limit_per_second = 2,
       .write_log =
           [this](Severity, absl::string_view area, absl::string_view text) {
             lines_.push_back(absl::StrCat(area, ": ", text));
           }},
      sink_,
      types_,
      sources_,
      clock_};
};

TEST_F(PluginHostServicesTest, PublishesAnEventInThePluginsName) {
  const std::string subject = "192.0.2.0/24", json = R"({"origin":64500})";
  const std::string key = "name", value = "office";
  const weir_prefix prefix = {4, 24, WEIR_NO_NEXT_HOP, {192, 0, 2}};
  const uint32_t as_number = 64500;
  const weir_label label = {Str(key), Str(value)};
  weir_event event = Event();
  event.subject = Str(subject);
  event.json = Str(json);
  event.time_ns = 1'000'000'000;
  event.prefixes = &prefix;
  event.n_prefixes = 1;
  event.as_numbers = &as_number;
  event.n_as_numbers = 1;
  event.labels = &label;
  event.n_labels = 1;
  EXPECT_EQ(Emit(event), WEIR_OK);

  ASSERT_THAT(sink_.events(), SizeIs(1));
  const auto kept = sink_.events()[0];
  EXPECT_EQ(kept.type, "hijack.origin");
  EXPECT_EQ(kept.source, "plugins/x");
  EXPECT_EQ(kept.subject, subject);
  EXPECT_EQ(kept.json, json);
  EXPECT_EQ(kept.severity, Severity::kInfo);
  EXPECT_EQ(kept.event_time, absl::FromUnixSeconds(1));
  EXPECT_THAT(kept.as_numbers, ElementsAre(64500));
  EXPECT_THAT(kept.prefixes, SizeIs(1));
  EXPECT_THAT(kept.labels, ElementsAre(testing::Pair("name", "office")));
  EXPECT_EQ(services_.counts().emitted, 1u);
}

TEST_F(PluginHostServicesTest, RefusesAnEventThatBreaksABound) {
  const std::string long_key(64, 'k'), bad_utf8 = "\xff", not_json = "{\"a\":";
  const std::string empty;
  const weir_prefix host_bits = {4, 24, 0, {192, 0, 2, 1}};
  const weir_prefix family = {5, 24, 0, {}};
  const weir_label long_label = {Str(long_key), {}};
  struct Case {
    const char* why;
    std::string kind;
    std::function<void(weir_event&)> spoil;
  };
  for (const Case& c : std::vector<Case>{
           {"no kind", "", [](auto&) {}},
           {"129 bytes", std::string(129, 'a'), [](auto&) {}},
           {"capitals", "Hijack", [](auto&) {}},
           {"the host's own", "weir.plugin.state", [](auto&) {}},
           {"a short struct", "a", [](auto& e) { e.struct_size = 96; }},
           {"a severity between two", "a", [](auto& e) { e.severity = 25; }},
           {"a severity beyond", "a", [](auto& e) { e.severity = 70; }},
           {"null", "a",
            [](auto& e) {
              e.subject = {nullptr, 5};
            }},
           {"no prefixes there", "a", [](auto& e) { e.n_prefixes = 1; }},
           {"65 numbers", "a", [](auto& e) { e.n_as_numbers = 65; }},
           {"33 labels", "a", [](auto& e) { e.n_labels = 33; }},
           {"host bits", "a",
            [&](auto& e) { e.prefixes = &host_bits, e.n_prefixes = 1; }},
           {"family 5", "a",
            [&](auto& e) { e.prefixes = &family, e.n_prefixes = 1; }},
           {"a long key", "a",
            [&](auto& e) { e.labels = &long_label, e.n_labels = 1; }},
           {"no UTF-8", "a", [&](auto& e) { e.subject = Str(bad_utf8); }},
           {"no JSON", "a", [&](auto& e) { e.json = Str(not_json); }},
       }) {
    clock_.Advance(absl::Seconds(10));
    weir_event event = Event(c.kind);
    c.spoil(event);
    const uint64_t before = Rejected("invalid");
    EXPECT_EQ(Emit(event), WEIR_INVALID) << c.why;
    EXPECT_EQ(Rejected("invalid"), before + 1) << c.why;
  }
  EXPECT_THAT(sink_.events(), SizeIs(0));
}

TEST_F(PluginHostServicesTest, RefusesWhatIsTooLarge) {
  const std::string json = '"' + std::string(65'536, 'x') + '"';
  weir_event event = Event();
  event.json = Str(json);
  EXPECT_EQ(Emit(event), WEIR_INVALID);
  event.json.len = UINT64_MAX;
  event.subject.len = UINT64_MAX;
  event.subject.data = json.data();
  EXPECT_EQ(Emit(event), WEIR_INVALID);
  EXPECT_EQ(Rejected("too_large"), 2u);
}

TEST_F(PluginHostServicesTest, RefusesAKindThatWasNotDeclared) {
  services_.Declare({"flap"});
  EXPECT_EQ(Emit(Event("flap")), WEIR_OK);
  EXPECT_EQ(Emit(Event("hijack.origin")), WEIR_UNSUPPORTED);
  EXPECT_EQ(Rejected("undeclared_type"), 1u);
}

TEST_F(PluginHostServicesTest, RefusesWhatIsOverTheRateAndTakesMoreLater) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Emit(Event()), WEIR_OK);
  EXPECT_EQ(Emit(Event()), WEIR_AGAIN);
  EXPECT_EQ(Rejected("rate"), 1u);
  clock_.Advance(absl::Milliseconds(200));
  EXPECT_EQ(Emit(Event()), WEIR_OK);
  EXPECT_EQ(Emit(Event()), WEIR_AGAIN);
  clock_.Advance(absl::Hours(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Emit(Event()), WEIR_OK);
  EXPECT_EQ(Emit(Event()), WEIR_AGAIN) << "the burst is of one second";
}

TEST_F(PluginHostServicesTest, SaysAgainWhileTheLogTakesNothing) {
  sink_.Refuse(absl::FailedPreconditionError("closed"));
  EXPECT_EQ(Emit(Event()), WEIR_AGAIN);
  EXPECT_EQ(Rejected("full"), 1u);
}

TEST_F(PluginHostServicesTest, SuppressesLinesOverTheRateAndSaysHowMany) {
  for (int i = 0; i < 25; ++i) Log("hello");
  EXPECT_THAT(lines_, SizeIs(20)) << "ten seconds of it at once";
  clock_.Advance(absl::Milliseconds(500));
  Log("again");
  ASSERT_THAT(lines_, SizeIs(22));
  EXPECT_EQ(lines_[20],
            "plugins/x: suppressed 5 lines; the limit is 2 a second");
  EXPECT_EQ(lines_[21], "plugins/x: again");
  EXPECT_EQ(services_.counts().log_lines_suppressed, 5u);
}

TEST_F(PluginHostServicesTest, CutsALineThatNobodyWillRead) {
  Log(std::string(100'000, 'x'));
  EXPECT_LT(lines_[0].size(), 9000u);
}

TEST_F(PluginHostServicesTest, KnowsNoExtensionOfAnotherVersion) {
  const weir_host* const host = services_.table();
  EXPECT_EQ(host->get_ext(host->ctx, "weir.emit/2"), nullptr);
  EXPECT_EQ(host->get_ext(host->ctx, "weir.emit/11"), nullptr);
  EXPECT_EQ(host->get_ext(host->ctx, nullptr), nullptr);
}

TEST_F(PluginHostServicesTest, NamesTypesAndSources) {
  const weir_host* const host = services_.table();
  const auto* const names = static_cast<const weir_ext_names*>(
      host->get_ext(host->ctx, WEIR_EXT_NAMES));
  const uint16_t id = types_.Intern("UPDATE");
  const weir_str name = names->type(host->ctx, id);
  EXPECT_EQ(std::string(name.data, name.len), "UPDATE");
  EXPECT_EQ(names->source(host->ctx, 999).len, 0u);
}

}  // namespace
}  // namespace weir
