#include "host/config/yaml_to_proto.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "host/config/config_error.h"
#include "host/config/config_limits.h"
#include "host/config/environment.h"
#include "host/config/line_map.h"
#include "weir/v1/config.pb.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Environment AnEnvironment() {
  const auto variable =
      [](absl::string_view name) -> std::optional<std::string> {
    if (name == "HOME_OF_WEIR") return "/srv/weir";
    if (name == "PORT") return "50051";
    if (name == "LATIN1") return "caf\xe9";
    return std::nullopt;
  };
  return {variable, "a-host", "a-user"};
}

// The message that a file holds, and its faults as an operator sees them.
struct Reading {
  explicit Reading(absl::string_view text) {
    for (const ConfigError& fault :
         YamlToProto(text, AnEnvironment(), &message, &lines)) {
      faults.push_back(ToString(fault, "f"));
    }
  }
  v1::HostConfig message;
  LineMap lines;
  std::vector<std::string> faults;
};

TEST(YamlToProtoTest, TakesWhateverTheSchemaSays) {
  struct Case {
    const char* why;
    std::string yaml;
    const char* want;  // as protobuf's text format
  };
  for (const Case& c : std::vector<Case>{
           {"nothing is a configuration", "", ""},
           {"comments are nothing", "# node_id: a\n", ""},
           {"a byte order mark is nothing", "\xEF\xBB\xBFnode_id: a",
            "node_id: 'a'"},
           {"a string needs no quotes", "node_id: a b", "node_id: 'a b'"},
           {"the schema says that it is text", "node_id: 12", "node_id: '12'"},
           {"... and that it is a number", "broker: {ring_events: '12'}",
            "broker { ring_events: 12 }"},
           {"an optional 0 is set", "broker: {ring_events: 0}",
            "broker { ring_events: 0 }"},
           {"plain bytes", "broker: {ring_bytes: 65536}",
            "broker { ring_bytes: 65536 }"},
           {"binary units", "broker: {ring_bytes: 64MiB}",
            "broker { ring_bytes: 67108864 }"},
           {"... with a blank", "broker: {ring_bytes: 1 KiB}",
            "broker { ring_bytes: 1024 }"},
           {"seconds", "shutdown_timeout: 5s",
            "shutdown_timeout { seconds: 5 }"},
           {"milliseconds", "shutdown_timeout: 250ms",
            "shutdown_timeout { nanos: 250000000 }"},
           {"hours", "shutdown_timeout: 24h",
            "shutdown_timeout { seconds: 86400 }"},
           {"several units", "shutdown_timeout: 1m1.5s",
            "shutdown_timeout { seconds: 61 nanos: 500000000 }"},
           {"a time",
            "sources: [{replay_file: {start_time: "
            "2026-11-21T04:00:00Z}}]",
            "sources { replay_file { start_time { seconds: 1795233600 } } }"},
           {"... of another zone, with a fraction",
            "sources: [{replay_file: {start_time: "
            "'2026-11-21T05:30:00.25+01:30'}}]",
            "sources { replay_file { start_time { seconds: 1795233600 "
            "nanos: 250000000 } } }"},
           {"... before 1970",
            "sources: [{replay_file: {start_time: "
            "1969-12-31T23:59:59.5Z}}]",
            "sources { replay_file { start_time { seconds: -1 "
            "nanos: 500000000 } } }"},
           {"a short enum", "broker: {mode: memory}",
            "broker { mode: MODE_MEMORY }"},
           {"a full enum", "broker: {mode: MODE_MEMORY}",
            "broker { mode: MODE_MEMORY }"},
           {"an enum of two words",
            "plugins: {defaults: {policy: drop_oldest}}",
            "plugins { defaults { policy: QUEUE_POLICY_DROP_OLDEST } }"},
           {"a bool", "plugins: {autoload: false}",
            "plugins { autoload: false }"},
           {"a double", "sources: [{backoff: {jitter: 0.25}}]",
            "sources { backoff { jitter: 0.25 } }"},
           {"a list of strings", "plugins:\n  folders:\n  - a\n  - b",
            "plugins { folders: 'a' folders: 'b' }"},
           {"a kind with nothing after it is still chosen",
            "sources:\n- ris_live:\n", "sources { ris_live {} }"},
           {"a map", "security: {certificate_roles: {a.net: viewer}}",
            "security { certificate_roles { key: 'a.net' value: ROLE_VIEWER "
            "} }"},
           {"a variable", "state_dir: ${HOME_OF_WEIR}/a",
            "state_dir: '/srv/weir/a'"},
           {"a variable in a number", "broker: {ring_events: \"${PORT}\"}",
            "broker { ring_events: 50051 }"},
           {"not a variable", "node_id: '$${PORT} $ $PORT'",
            "node_id: '${PORT} $ $PORT'"},
           {"an alias", "state_dir: &a x\nnode_id: *a",
            "state_dir: 'x' node_id: 'x'"},
       }) {
    const Reading reading(c.yaml);
    EXPECT_THAT(reading.faults, IsEmpty()) << c.why;
    v1::HostConfig want;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(c.want, &want));
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        reading.message, want))
        << c.why << ": " << reading.message.ShortDebugString();
  }
}

TEST(YamlToProtoTest, SaysWhatIsWrongAndWhere) {
  struct Case {
    const char* why;
    std::string yaml;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"no YAML", "node_id: a\nbroker: [\n", "f:3: end of sequence"},
           {"no mapping", "- a", "f:1: is a list; write a mapping"},
           {"a time without its zone",
            "sources: [{replay_file: {start_time: 2026-11-21T04:00:00}}]",
            "f:1: sources[0].replay_file.start_time: \"2026-11-21T04:00:00\": "
            "no "
            "time; write date, time and zone, as 2026-11-21T04:00:00Z"},
           {"a date", "sources: [{replay_file: {start_time: 2026-11-21}}]",
            "start_time: \"2026-11-21\": no time"},
           {"a day that there is not",
            "sources: [{replay_file: {start_time: 2026-02-30T00:00:00Z}}]",
            "start_time: \"2026-02-30T00:00:00Z\": no time"},
           {"no end of time",
            "sources: [{replay_file: {start_time: infinite-future}}]",
            "start_time: \"infinite-future\": no time"},
           {"a year of five digits",
            "sources: [{replay_file: {start_time: 12026-11-21T04:00:00Z}}]",
            "start_time: \"12026-11-21T04:00:00Z\": not a time from the year 1 "
            "to "
            "9999"},
           {"unknown, and near", "\nlisen: []",
            "f:2: lisen: unknown key \"lisen\"; did you mean \"listeners\"?"},
           {"unknown, and not near", "xyzzy: 1", "the keys here are node_id,"},
           {"unknown, deep down", "sources:\n- id: a\n  ris_live:\n    ulr: x",
            "f:4: sources[0].ris_live.ulr: unknown key \"ulr\"; did you mean "
            "\"url\"?"},
           {"twice", "node_id: a\nnode_id: b", "f:2: node_id: is there twice"},
           {"two of a oneof", "sources:\n- ris_live: {}\n  nats: {}",
            "f:3: sources[0].nats: ris_live and nats exclude each other"},
           {"a list for a value", "node_id: [a]",
            "f:1: node_id: is a list; write a single value"},
           {"a value for a list", "sources: a",
            "sources: is a single value; write a list"},
           {"a value for a message", "broker: a",
            "broker: is a single value; write a mapping"},
           {"a value for a map", "security: {certificate_roles: a}",
            "certificate_roles: is a single value; write a mapping"},
           {"a value for a Struct", "sources: [{ris_live: {subscribe: a}}]",
            "subscribe: is a single value; write a mapping"},
           {"no value", "\nnode_id:\n", "f:2: node_id: has no value"},
           {"no duration", "shutdown_timeout: 12 parsecs",
            "\"12 parsecs\": no duration; write a number with its unit"},
           {"no unit", "shutdown_timeout: 5", "\"5\": no duration"},
           {"for ever", "shutdown_timeout: inf", "longer than a duration"},
           {"longer than protobuf's", "shutdown_timeout: 99999999999999s",
            "longer than a duration"},
           {"no size", "broker: {ring_bytes: 64MB}", "\"64MB\": no size"},
           {"a unit where there is none", "broker: {ring_events: 1KiB}",
            "\"1KiB\": no whole number"},
           {"a fraction", "broker: {ring_events: 1.5}", "no whole number"},
           {"no digits", "broker: {ring_bytes: KiB}", "no size"},
           {"below the type", "broker: {ring_events: -1}",
            "\"-1\": too small; at least 0"},
           {"above the type", "broker: {ring_events: 4294967296}",
            "too large; at most 4294967295"},
           {"far above the type",
            "broker: {ring_bytes: 99999999999999999999999999999999999TiB}",
            "too large; at most 18446744073709551615"},
           {"no number", "sources: [{backoff: {jitter: half}}]",
            "sources[0].backoff.jitter: \"half\": no number"},
           {"no finite number", "sources: [{backoff: {jitter: 1e999}}]",
            "too large for a number"},
           {"no bool", "plugins: {autoload: yes}",
            "\"yes\": write true or false"},
           {"no such enum", "broker: {mode: fats}",
            "\"fats\": not one of durable, fast, memory"},
           {"unset is not written", "broker: {mode: unspecified}",
            "not one of durable, fast, memory"},
           {"not set", "\nnode_id: ${NOBODY}",
            "f:2: node_id: the environment variable NOBODY is not set"},
           {"not closed", "node_id: \"${PORT\"", "\"${\" without a \"}\""},
           {"more than a name", "node_id: ${PORT:-1}", "and nothing else"},
           {"a variable that is not UTF-8", "node_id: ${LATIN1}", "not UTF-8"},
           {"not UTF-8", "node_id: a\nstate_dir: \xff", "f:2: not UTF-8"},
           {"NUL", "node_id: \"a\\0b\"", "holds a NUL character"},
           {"a control character", "node_id: a\x04",
            "f:1: control character 4"},
           {"two documents", "node_id: a\n---\nnode_id: b",
            "the document ends before this"},
           {"a bracket too many", "broker: {}\nplugins: {}}\n",
            "f:2: illegal flow end"},
           {"nothing but a bracket", "]", "f:1: "},
           {"a tag", "node_id: !!str a", "has a YAML tag"},
           {"a key that is a list", "? [a]\n: b", "a key is a list"},
           {"a long key", std::string(200, 'k') + ": 1", "a key of 200 bytes"},
           {"an alias of nothing", "node_id: *a", "anchor is not defined"},
           {"an integer that JSON would round",
            "sources: [{ris_live: {subscribe: {a: 9007199254740993}}}]",
            "\"9007199254740993\": from 2^53 on"},
           {"... and one that is surely rounded",
            "sources: [{ris_live: {subscribe: {a: 12345678901234567890}}}]",
            "sources[0].ris_live.subscribe.a: \"12345678901234567890\": from "
            "2^53"},
       }) {
    const Reading reading(c.yaml);
    ASSERT_THAT(reading.faults, SizeIs(1)) << c.why;
    EXPECT_THAT(reading.faults[0], HasSubstr(c.want)) << c.why;
  }
}

TEST(YamlToProtoTest, ListsAllFaultsAndKeepsWhatIsRight) {
  const Reading reading(R"(node_id: a
sources:
  - id: one
    staleness: soon
  - id: two
    max_lag: later
    idd: x
plugins: 5
)");
  EXPECT_THAT(reading.faults,
              ElementsAre(HasSubstr("f:4: sources[0].staleness: \"soon\""),
                          HasSubstr("f:6: sources[1].max_lag: \"later\""),
                          HasSubstr("f:7: sources[1].idd: unknown key"),
                          HasSubstr("f:8: plugins: is a single value")));
  EXPECT_EQ(reading.message.sources(1).id(), "two");
}

TEST(YamlToProtoTest, TakesAStructAsJsonWouldBeWritten) {
  const Reading reading(R"(sources:
  - ris_live:
      subscribe:
        number: 5
        negative: -0.5e3
        yes: true
        nothing: ~
        list: [1, [a]]
        map: {b c: d}
        prefix: 192.0.2.0/24
        mode: 0660
        hex: 0x10
        quoted: "5"
        variable: ${PORT}
        date: 2026-01-01
        word: no
)");
  EXPECT_THAT(reading.faults, IsEmpty());
  const auto& fields =
      reading.message.sources(0).ris_live().subscribe().fields();
  EXPECT_EQ(fields.at("number").number_value(), 5);
  EXPECT_EQ(fields.at("negative").number_value(), -500);
  EXPECT_TRUE(fields.at("yes").bool_value());
  EXPECT_TRUE(fields.at("nothing").has_null_value());
  EXPECT_EQ(fields.at("list").list_value().values(0).number_value(), 1);
  EXPECT_EQ(fields.at("map").struct_value().fields().at("b c").string_value(),
            "d");
  for (const auto& [key, want] :
       std::vector<std::pair<std::string, std::string>>{
           {"prefix", "192.0.2.0/24"},
           {"mode", "0660"},
           {"hex", "0x10"},
           {"quoted", "5"},
           {"variable", "50051"},
           {"date", "2026-01-01"},
           {"word", "no"}}) {
    EXPECT_EQ(fields.at(key).string_value(), want) << key;
  }
}

TEST(YamlToProtoTest, DoesNotUnfoldABombOfAliases) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x]\n";
  std::string values = "x";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = absl::StrCat("*a", i - 1);
    absl::StrAppend(&yaml, "a", i, ": &a", i, " [");
    for (int k = 0; k < 8; ++k) absl::StrAppend(&yaml, alias, ", ");
    absl::StrAppend(&yaml, alias, "]\n");
  }
  absl::StrAppend(&yaml, "plugins: {plugins: [{config: {v: *a11}}]}\n");
  const Reading reading(yaml);
  EXPECT_THAT(reading.faults.back(), HasSubstr("more than 100000 values"));
}

TEST(YamlToProtoTest, DoesNotFollowAnAliasOfItself) {
  const Reading reading("plugins: {plugins: [{config: &a {v: *a}}]}");
  ASSERT_THAT(reading.faults, SizeIs(1));
  EXPECT_THAT(reading.faults[0], HasSubstr("more than 64 levels deep"));
}

TEST(YamlToProtoTest, RefusesWhatIsTooDeepAtAnyDepth) {
  for (const int depth : {100, 1000, 10'000, 100'000}) {
    const Reading reading(absl::StrCat(
        "plugins: {plugins: [{config: {v: ", std::string(depth, '['),
        std::string(depth, ']'), "}}]}"));
    EXPECT_THAT(reading.faults, SizeIs(1)) << depth;
  }
}

TEST(YamlToProtoTest, RefusesAFileThatIsTooLarge) {
  EXPECT_THAT(Reading(std::string(kMaxConfigBytes, '#')).faults, IsEmpty());
  EXPECT_THAT(Reading(std::string(kMaxConfigBytes + 1, '#')).faults,
              ElementsAre(HasSubstr("1048577 bytes; at most 1048576")));
}

TEST(YamlToProtoTest, RemembersTheLineOfEachField) {
  const Reading reading("node_id: a\nsources:\n- id: x\n\n  ris_live: {}\n");
  EXPECT_EQ(reading.lines.LineOf("node_id"), 1);
  EXPECT_EQ(reading.lines.LineOf("sources[0].id"), 3);
  EXPECT_EQ(reading.lines.LineOf("sources[0].ris_live.url"), 5);
  EXPECT_EQ(reading.lines.LineOf("plugins"), 0);
}

}  // namespace
}  // namespace weir
