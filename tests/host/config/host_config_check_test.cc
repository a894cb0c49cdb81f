#include "host/config/host_config_check.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "host/config/fault_list.h"
#include "host/config/line_map.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What no file can say yet (not_served_yet.h) is checked on the message.
std::vector<std::string> FaultsOf(const std::string& text_format) {
  v1::HostConfig config;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text_format, &config));
  config.mutable_plugins()->set_max_capacity(1 << 20);
  config.mutable_plugins()->set_max_queued_bytes(1 << 30);
  const LineMap lines;
  FaultList faults(lines);
  CheckHostConfig(config, &faults);
  std::vector<std::string> texts;
  for (const ConfigError& fault : faults.Take()) {
    texts.push_back(ToString(fault, "f"));
  }
  return texts;
}

constexpr char kSources[] =
    "sources { id: 'ris' ris_live {} }"
    "sources { id: 'core' nats { servers: 'a' subjects: 'b' } }";

TEST(HostConfigCheckTest, KnowsTheProfilesOfSteward) {
  for (const char* profile : {"", "S0", "S1", "C1", "C2", "C3", "C4"}) {
    EXPECT_THAT(FaultsOf(absl::StrCat("sources { id: 'a' ris_live {} decoder {"
                                      "steward_profile: '",
                                      profile, "' } }")),
                IsEmpty())
        << profile;
  }
  EXPECT_THAT(
      FaultsOf("sources { id: 'a' ris_live {} decoder {"
               "steward_profile: 's1' } }"),
      ElementsAre(HasSubstr("sources[0].decoder.steward_profile: "
                            "\"s1\" is no profile; they are S0, S1, C1, "
                            "C2, C3 and C4")));
}

TEST(HostConfigCheckTest, LooksAtNodesOfSteward) {
  const auto faults = [](const std::string& node, const std::string& nats = "",
                         const std::string& source = "") {
    return FaultsOf(absl::StrCat("sources { id: 'a' ", source,
                                 " nats { servers: 'b' ", nats, " steward { ",
                                 node, " } } }"));
  };
  const std::string good =
      "node: 'central' profile: 'S1' processes { method: 'REQHello' }";
  EXPECT_THAT(faults(good), IsEmpty());
  EXPECT_THAT(faults(good + "sending { compression: COMPRESSION_GZIP "
                            "signing_key_file: 'k' }"),
              IsEmpty());
  EXPECT_THAT(
      faults(good + "keys_file: 'k' processes { method: 'REQCliCommand'"
                    "                           require_signature: true }"),
      IsEmpty());
  struct Case {
    std::string node, fault, nats, source;
  };
  const std::string at = "sources[0].nats.";
  for (const Case& c : std::vector<Case>{
           {"profile: 'S1' processes { method: 'a' }",
            at + "steward.node: required, and not set", "", ""},
           {"node: 'a' processes { method: 'a' }",
            at + "steward.profile: required, and not set", "", ""},
           {"node: 'a' profile: 'S1'",
            at + "steward.processes: required, and not set", "", ""},
           {good + "processes {}",
            at + "steward.processes[1].method: required, and not set", "", ""},
           {"node: 'a' profile: 'S2' processes { method: 'a' }",
            at + "steward.profile: \"S2\" is no profile", "", ""},
           {good + "processes { method: 'REQHello' }",
            at + "steward.processes[1].method: \"REQHello\" is there twice", "",
            ""},
           {good + "processes { method: 'b' require_signature: true }",
            at + "steward.keys_file: required, since a process", "", ""},
           {"node: 'a' profile: 'S0' keys_file: 'k' processes { method: 'b' "
            "require_signature: true }",
            at + "steward.processes[0].require_signature: nodes of S0 do not "
                 "sign",
            "", ""},
           {"node: 'a' profile: 'S0' processes { method: 'REQRelay' }",
            at + "steward.processes[0].method: REQRelay has the node send on",
            "", ""},
           {good + "sending { min_retry_wait { nanos: 1 } }",
            at + "steward.sending.min_retry_wait: ", "", ""},
           {"node: 'a' profile: 'C4' processes { method: 'b' } sending { "
            "compression: COMPRESSION_NONE }",
            at + "steward.sending.compression: nodes of C4 read zstd alone", "",
            ""},
           {"node: 'a' profile: 'S0' processes { method: 'b' } sending { "
            "compression: COMPRESSION_GZIP }",
            at + "steward.sending.compression: nodes of S0 do not read gzip",
            "", ""},
           {"node: 'a' profile: 'S0' processes { method: 'b' } sending { "
            "signing_key_file: 'k' }",
            at + "steward.sending.signing_key_file: messages of S0 are not", "",
            ""},
           {good, at + "subjects: steward has its own", "subjects: 'c'", ""},
           {good, at + "queue_group: steward has its own", "queue_group: 'c'",
            ""},
           {good, "sources[0].decoder.format: the messages of nats.steward", "",
            "decoder { format: FORMAT_OPAQUE }"},
           {good, "sources[0].decoder.steward_profile: nats.steward decides",
            "", "decoder { steward_profile: 'S1' }"},
           {good, "sources[0].decoder.steward_any_subject: nats.steward", "",
            "decoder { steward_any_subject: true }"},
       }) {
    EXPECT_THAT(faults(c.node, c.nats, c.source),
                ElementsAre(HasSubstr(c.fault)))
        << c.fault;
  }
}

TEST(HostConfigCheckTest, WantsASourceThatSendsOfASinkForNodes) {
  const std::string sink =
      "sinks { id: 's' steward { source: 'sources/a' to_node: 'b' method: 'c' "
      "} }";
  const auto source = [](const std::string& sending) {
    return absl::StrCat(
        "sources { id: 'a' nats { servers: 'b' steward { node: 'a' profile: "
        "'S1' processes { method: 'm' } ",
        sending, " } } } ");
  };
  EXPECT_THAT(FaultsOf(source("sending {}") + sink), IsEmpty());
  for (const std::string& other : {source(""), std::string()}) {
    EXPECT_THAT(FaultsOf(other + sink),
                ElementsAre(HasSubstr("sinks[0].steward.source: \"sources/a\" "
                                      "is no source with")));
  }
}

TEST(HostConfigCheckTest, WantsSubjectsOfNats) {
  EXPECT_THAT(FaultsOf("sources { id: 'a' nats { servers: 'b' } }"),
              ElementsAre(HasSubstr(
                  "sources[0].nats.subjects: required, and not set; set it")));
}

TEST(HostConfigCheckTest, RefusesToBlockASourceWithoutFlowControl) {
  struct Case {
    const char* why;
    const char* plugins;
    const char* path;
    const char* slot;
  };
  for (const Case& c : std::vector<Case>{
           {"a plugin that takes from all sources",
            "plugins { id: 'p' settings { policy: QUEUE_POLICY_BLOCK } }",
            "plugins.plugins[0].settings.policy", "plugin \"p\""},
           {"one that names it",
            "plugins { id: 'p' sources: 'core' sources: 'ris'"
            "          settings { policy: QUEUE_POLICY_BLOCK } }",
            "plugins.plugins[0].settings.policy", "plugin \"p\""},
           {"one that has it from the defaults",
            "defaults { policy: QUEUE_POLICY_BLOCK } plugins { id: 'p' }",
            "plugins.plugins[0].settings.policy", "plugin \"p\""},
           {"all that come",
            "autoload: true defaults { policy: QUEUE_POLICY_BLOCK }",
            "plugins.defaults.policy", "every plugin"},
       }) {
    EXPECT_THAT(FaultsOf(std::string(kSources) + "plugins {" + c.plugins + "}"),
                ElementsAre(AllOf(HasSubstr(c.path), HasSubstr(c.slot),
                                  HasSubstr("source \"core\""))))
        << c.why;
  }
}

TEST(HostConfigCheckTest, LetsAPluginBlockTheOtherSources) {
  EXPECT_THAT(FaultsOf(std::string(kSources) +
                       "plugins { plugins { id: 'p' sources: 'ris'"
                       "  settings { policy: QUEUE_POLICY_BLOCK } } }"),
              IsEmpty());
}

TEST(HostConfigCheckTest, WantsACertificateForAListener) {
  EXPECT_THAT(
      FaultsOf("listeners { tcp: '0.0.0.0:1' tls {} }"
               "listeners { tcp: '0.0.0.0:2' tls { cert_file: 'a' "
               "  key_file: 'b' server_name: 'c' } }"
               "listeners { tcp: '0.0.0.0:3' tls { cert_file: 'a' "
               "  key_file: 'b' } }"
               "listeners { unix: '/a' insecure: true }"),
      ElementsAre(HasSubstr("listeners[3].insecure: is for TCP"),
                  HasSubstr("listeners[0].tls.cert_file: required"),
                  HasSubstr("listeners[1].tls.server_name: is for conn")));
}

TEST(HostConfigCheckTest, WantsWhatKindsNeed) {
  EXPECT_THAT(FaultsOf("sources { id: 'a' nakadi { url: 'x' } }"
                       "sources { id: 'b' frame_tcp {} }"
                       "sinks { id: 'a' webhook { url: 'http://a' } }"
                       "sinks { id: 'a' }"),
              ElementsAre(HasSubstr("sources[0].nakadi.url: \"x\": no URL"),
                          HasSubstr("nakadi.subscription_id: required"),
                          HasSubstr("sources[1].frame_tcp: has no side"),
                          HasSubstr("sinks[1].id: \"a\" is there twice"),
                          HasSubstr("sinks[1]: has no kind")));
}

}  // namespace
}  // namespace weir
