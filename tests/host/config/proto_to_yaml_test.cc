#include "host/config/proto_to_yaml.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "host/config/load_config.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

std::optional<std::string> Variable(absl::string_view name) {
  if (name == "STATE") return "${NOT_LOOKED_INTO}";
  return std::nullopt;
}

ConfigResult Load(absl::string_view text) {
  ConfigResult result = LoadConfigText(text, {Variable, "a-host", "weir"});
  for (const ConfigError& error : result.errors) {
    ADD_FAILURE() << ToString(error, "file") << "\n" << text;
  }
  return result;
}

TEST(ProtoToYamlTest, PrintsWhatLoadsToTheSame) {
  // A file with some of everything, which the fuzzer starts from, too.
  std::ifstream file("tests/fuzz/config_corpus/full.yaml");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  ASSERT_NE(text, "");
  for (const std::string& yaml : {text, std::string()}) {
    const v1::HostConfig first = Load(yaml).config;
    const std::string printed = ProtoToYaml(first);
    const v1::HostConfig again = Load(printed).config;
    EXPECT_TRUE(
        google::protobuf::util::MessageDifferencer::Equals(first, again))
        << printed;
  }
}

TEST(ProtoToYamlTest, IsLaidOutAsOneWouldWriteIt) {
  v1::HostConfig config;
  config.set_node_id("a \"b\" ${C}\n\x01");
  config.mutable_broker()->set_ring_bytes(64 << 20);
  config.mutable_broker()->set_mode(v1::BrokerConfig::MODE_MEMORY);
  v1::SourceConfig* source = config.add_sources();
  source->set_id("ris");
  source->mutable_backoff()->mutable_initial()->set_nanos(250'000'000);
  auto& fields =
      *source->mutable_ris_live()->mutable_subscribe()->mutable_fields();
  fields["host"].set_string_value("rrc16");
  fields["null"].mutable_list_value()->add_values()->set_number_value(5);
  fields["x"].mutable_list_value()->add_values()->mutable_list_value();
  config.add_sources()->mutable_ris_live();
  google::protobuf::Timestamp* start =
      config.add_sources()->mutable_replay_file()->mutable_start_time();
  start->set_seconds(1795233600);
  start->set_nanos(250'000'000);
  (*config.mutable_security()->mutable_certificate_roles())["*.net"] =
      v1::ROLE_VIEWER;
  EXPECT_EQ(ProtoToYaml(config), R"(node_id: "a \"b\" $${C}\n\x01"
security:
  certificate_roles:
    "*.net": viewer
broker:
  mode: memory
  ring_bytes: 64MiB
sources:
  - id: "ris"
    backoff:
      initial: 250ms
    ris_live:
      subscribe:
        host: "rrc16"
        "null":
          - 5
        x:
          - []
  - ris_live: {}
  - replay_file:
      start_time: 2026-11-21T04:00:00.25Z
)");
}

}  // namespace
}  // namespace weir
