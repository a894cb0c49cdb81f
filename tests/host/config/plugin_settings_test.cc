#include "host/config/plugin_settings.h"

#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

template <typename Message>
Message Parse(const std::string& text_format) {
  Message message;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text_format, &message));
  return message;
}

TEST(MergePluginConfigTest, TakesEachFieldWholeFromTheFirstPlaceThatHasIt) {
  const auto host = Parse<v1::PluginConfig>(
      "id: 'p' settings { capacity: 0 soft_deadline { seconds: 2 } }"
      "sources: 'a' config { fields { key: 'x' value { bool_value: true } } }");
  const auto file = Parse<v1::PluginConfig>(
      "disabled: true module: 'm.so' sources: 'b' sources: 'c'"
      "settings { capacity: 5 policy: QUEUE_POLICY_BLOCK }"
      "config { fields { key: 'y' value { bool_value: true } } }");
  const auto defaults = Parse<v1::PluginSettings>(
      "policy: QUEUE_POLICY_DROP_OLDEST emit_ring_events: 7 "
      "soft_deadline { seconds: 1 nanos: 500000000 }");
  EXPECT_EQ(MergePluginConfig("p", host, file, defaults).ShortDebugString(),
            Parse<v1::PluginConfig>(
                "id: 'p' disabled: true module: 'm.so'"
                "settings { policy: QUEUE_POLICY_BLOCK capacity: 0 "
                "  emit_ring_events: 7 soft_deadline { seconds: 2 } }"
                "sources: 'a'"
                "config { fields { key: 'x' value { bool_value: true } } }")
                .ShortDebugString());
}

TEST(MergePluginConfigTest, NamesTheModuleAfterTheSlot) {
  EXPECT_EQ(MergePluginConfig("flap-counter", {}, {}, {}).module(),
            "flap_counter.so");
}

TEST(PluginEntryTest, IsEmptyIfThereIsNone) {
  const auto config = Parse<v1::HostConfig>(
      "plugins { plugins { id: 'a' } plugins { id: 'b' disabled: true } }");
  EXPECT_TRUE(PluginEntry(config, "b").disabled());
  EXPECT_EQ(PluginEntry(config, "c").id(), "");
}

}  // namespace
}  // namespace weir
