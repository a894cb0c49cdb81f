#include "host/broker/event_check.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/prefix_text.h"
#include "host/status/error_info.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

Event Good() {
  Event event;
  event.type = "hijack.origin";
  event.source = "plugins/test";
  return event;
}

void AddLabels(Event* event, int n) {
  for (int i = 0; i < n; ++i) event->labels.emplace_back(absl::StrCat(i), "");
}

TEST(CheckEventTest, KnowsEveryBound) {
  struct Case {
    const char* why;
    const char* field;  // Empty = a good event.
    std::function<void(Event*)> change;
  };
  for (const Case& c : std::vector<Case>{
           {"as it is", "", [](Event*) {}},
           {"no type", "type", [](Event* e) { e->type = ""; }},
           {"the longest type", "",
            [](Event* e) { e->type = std::string(128, 'a'); }},
           {"a longer type", "type",
            [](Event* e) { e->type = std::string(129, 'a'); }},
           {"every character of types", "",
            [](Event* e) { e->type = "az09_.-"; }},
           {"upper case in a type", "type", [](Event* e) { e->type = "A"; }},
           {"a space in a type", "type", [](Event* e) { e->type = "a b"; }},
           {"no source", "source", [](Event* e) { e->source = ""; }},
           {"a long source", "source",
            [](Event* e) { e->source = std::string(257, 'a'); }},
           {"a source that is not UTF-8", "source",
            [](Event* e) { e->source = "\xff"; }},
           {"a subject in UTF-8", "", [](Event* e) { e->subject = "Zürich"; }},
           {"a subject that is not UTF-8", "subject",
            [](Event* e) { e->subject = "\xc3"; }},
           {"a payload with a surrogate", "json",
            [](Event* e) { e->json = "\"\xed\xa0\x80\""; }},
           {"as many labels as may be", "", [](Event* e) { AddLabels(e, 32); }},
           {"one label more", "labels", [](Event* e) { AddLabels(e, 33); }},
           {"the longest key and value", "",
            [](Event* e) {
              e->labels = {{std::string(63, 'k'), std::string(1024, 'v')}};
            }},
           {"a label without a key", "labels[]",
            [](Event* e) {
              e->labels = {{"", "v"}};
            }},
           {"a value that is too long", "labels[k]",
            [](Event* e) {
              e->labels = {{"k", std::string(1025, 'v')}};
            }},
           {"a label twice", "labels[k]",
            [](Event* e) {
              e->labels = {{"k", "1"}, {"k", "2"}};
            }},
           {"a value that is not UTF-8", "labels[k]",
            [](Event* e) {
              e->labels = {{"k", "\xff"}};
            }},
           {"as many prefixes as may be", "",
            [](Event* e) {
              e->prefixes.assign(64, *ParsePrefix("192.0.2.0/24"));
            }},
           {"one prefix more", "prefixes",
            [](Event* e) {
              e->prefixes.assign(65, *ParsePrefix("192.0.2.0/24"));
            }},
           {"host bits", "prefixes[0]",
            [](Event* e) { e->prefixes = {*ParsePrefix("192.0.2.1/24")}; }},
           {"no family", "prefixes[0]",
            [](Event* e) { e->prefixes.emplace_back(); }},
           {"as many AS numbers as may be", "",
            [](Event* e) { e->as_numbers.assign(64, 1); }},
           {"one AS number more", "as_numbers",
            [](Event* e) { e->as_numbers.assign(65, 1); }},
       }) {
    Event event = Good();
    c.change(&event);
    const absl::Status status = CheckEvent(event);
    if (*c.field == '\0') {
      EXPECT_THAT(status, IsOk()) << c.why;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.why;
    const ErrorInfo info = GetErrorInfo(status).value_or(ErrorInfo());
    EXPECT_EQ(info.reason, "EVENT_INVALID") << c.why;
    EXPECT_EQ(info.metadata.at("field"), c.field) << c.why;
  }
}

}  // namespace
}  // namespace weir
