#include "host/plugin/child_event.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

weir_str ToStr(const char* text) { return {text, std::strlen(text)}; }
std::string ToString(weir_str text) { return {text.data, text.len}; }

class ChildEventTest : public testing::Test {
 protected:
  ChildEventTest() {
    prefixes_[1] = {.family = 6, .length = 32, .next_hop = 1, .bytes = {0x20}};
    event_.struct_size = sizeof(event_);
    event_.severity = WEIR_SEVERITY_ERROR;
    event_.kind = ToStr("hijack.origin");
    event_.subject = ToStr("192.0.2.0/24");
    event_.json = ToStr("{\"a\": 1}");
    event_.time_ns = -5;
    event_.prefixes = prefixes_;
    event_.n_prefixes = 2;
    event_.as_numbers = as_numbers_;
    event_.n_as_numbers = 3;
    event_.labels = labels_;
    event_.n_labels = 2;
  }

  weir_prefix prefixes_[2] = {{.family = 4, .length = 24}};
  const uint32_t as_numbers_[3] = {1, 64'500, 4'200'000'000};
  const weir_label labels_[2] = {{ToStr("peer"), ToStr("")},
                                 {ToStr("k"), ToStr("value")}};
  weir_event event_ = {};
};

TEST_F(ChildEventTest, IsTheSameOnTheOtherSide) {
  const auto copy = ChildEvent::Decode(EncodeChildEvent(event_));
  ASSERT_NE(copy, nullptr);
  const weir_event& event = copy->event();
  EXPECT_EQ(event.struct_size, sizeof(weir_event));
  EXPECT_EQ(event.severity, event_.severity);
  EXPECT_EQ(ToString(event.kind), "hijack.origin");
  EXPECT_EQ(ToString(event.subject), "192.0.2.0/24");
  EXPECT_EQ(ToString(event.json), "{\"a\": 1}");
  EXPECT_EQ(event.time_ns, -5);
  ASSERT_EQ(event.n_prefixes, 2u);
  EXPECT_EQ(std::memcmp(event.prefixes, prefixes_, sizeof(prefixes_)), 0);
  ASSERT_EQ(event.n_as_numbers, 3u);
  EXPECT_EQ(std::memcmp(event.as_numbers, as_numbers_, sizeof(as_numbers_)), 0);
  ASSERT_EQ(event.n_labels, 2u);
  EXPECT_EQ(ToString(event.labels[0].key), "peer");
  EXPECT_EQ(ToString(event.labels[0].value), "");
  EXPECT_EQ(ToString(event.labels[1].value), "value");
}

TEST_F(ChildEventTest, MayBeOfAKindAndNothingElse) {
  event_ = {.struct_size = sizeof(event_), .kind = ToStr("flap")};
  const auto copy = ChildEvent::Decode(EncodeChildEvent(event_));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(ToString(copy->event().kind), "flap");
  EXPECT_EQ(copy->event().n_labels, 0u);
}

TEST_F(ChildEventTest, IsNoneIfItWasCutOrContinued) {
  const std::string bytes = EncodeChildEvent(event_);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ChildEvent::Decode(bytes.substr(0, size)), nullptr) << size;
  }
  EXPECT_EQ(ChildEvent::Decode(bytes + "x"), nullptr);
}

TEST_F(ChildEventTest, NeverReadsPastItsBytesWhateverTheyAre) {
  const std::string good = EncodeChildEvent(event_);
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'\0', '\x7f', '\xff'}) {
      std::string bytes = good;
      bytes[at] = c;
      const auto copy = ChildEvent::Decode(bytes);
      if (copy == nullptr) continue;
      const weir_event& event = copy->event();
      size_t sum = event.kind.len + event.subject.len + event.json.len;
      for (uint32_t i = 0; i < event.n_labels; ++i) {
        sum += event.labels[i].key.len + event.labels[i].value.len;
      }
      EXPECT_LE(sum, bytes.size());
    }
  }
}

}  // namespace
}  // namespace weir
