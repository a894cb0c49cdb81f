#include "host/config/overrule_settings.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Message>
Message Parse(const std::string& text_format) {
  Message message;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text_format, &message));
  return message;
}

class OverruleSettingsTest : public testing::Test {
 protected:
  PluginConfigResult Overrule(const std::string& set) const {
    return OverruleSettings(files_, Parse<v1::PluginSettings>(set), host_);
  }
  // "path: message" of each fault.
  std::vector<std::string> FaultsOf(const std::string& set) const {
    std::vector<std::string> faults;
    for (const ConfigError& error : Overrule(set).errors) {
      faults.push_back(error.path + ": " + error.message);
    }
    return faults;
  }

  const v1::PluginConfig files_ = Parse<v1::PluginConfig>(
      "id: 'p' module: 'm.so' settings { policy: QUEUE_POLICY_BLOCK "
      "capacity: 5 soft_deadline { seconds: 1 } hard_deadline { seconds: 9 } "
      "}");
  const v1::HostConfig host_ =
      Parse<v1::HostConfig>("plugins { max_capacity: 1000 }");
};

TEST_F(OverruleSettingsTest, TakesWhatIsSetAndLeavesTheRestToTheFiles) {
  const PluginConfigResult result =
      Overrule("capacity: 7 soft_deadline { nanos: 500000000 }");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.config.ShortDebugString(),
            Parse<v1::PluginConfig>(
                "id: 'p' module: 'm.so' settings { policy: QUEUE_POLICY_BLOCK "
                "capacity: 7 soft_deadline { nanos: 500000000 } "
                "hard_deadline { seconds: 9 } }")
                .ShortDebugString());
}

TEST_F(OverruleSettingsTest, ChecksThemAsIfTheyHadStoodInAFile) {
  EXPECT_THAT(FaultsOf("capacity: 0"),
              ElementsAre(HasSubstr("settings.capacity: 0")));
  EXPECT_THAT(FaultsOf("capacity: 1001"),
              ElementsAre(HasSubstr("settings.capacity: 1001 is more than")));
  EXPECT_THAT(FaultsOf("hard_deadline { nanos: 1 }"),
              ElementsAre(HasSubstr("settings.soft_deadline")))
      << "longer than the hard one, now";
  EXPECT_THAT(FaultsOf("drain_timeout { seconds: 61 } capacity: 0"),
              testing::UnorderedElementsAre(HasSubstr("settings.drain_timeout"),
                                            HasSubstr("settings.capacity: 0")));
}

}  // namespace
}  // namespace weir
