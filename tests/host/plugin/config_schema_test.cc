#include "host/plugin/config_schema.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

ConfigSchema SchemaOf(const std::string& text) {
  const auto schema = ConfigSchema::Parse(text);
  EXPECT_TRUE(schema.ok()) << text << ": " << schema.status();
  return schema.ok() ? *schema : ConfigSchema();
}

// "pointer: what" of each fault.
std::vector<std::string> FaultsOf(const std::string& schema,
                                  const std::string& json) {
  std::vector<std::string> faults;
  for (const ConfigFault& fault : SchemaOf(schema).Check(json).faults) {
    faults.push_back(absl::StrCat(fault.pointer, ": ", fault.what));
  }
  return faults;
}

// A schema of one setting, x.
std::string ForX(const std::string& schema) {
  return absl::StrCat(R"({"properties":{"x":)", schema, "}}");
}

constexpr char kPeers[] = R"({
  "type": "object",
  "properties": {
    "peers": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "asn": {"type": "integer", "minimum": 0, "maximum": 4294967295},
          "name": {"type": "string", "pattern": "^[a-z]+$"}
        },
        "required": ["asn"],
        "additionalProperties": false
      }
    },
    "threshold": {"type": "number", "default": 0.5}
  },
  "additionalProperties": false
})";

TEST(ConfigSchemaTest, FindsAllFaultsAtOnceWithTheirPlaces) {
  EXPECT_THAT(
      FaultsOf(kPeers, R"({"peers": [{"asn": 1}, {"asn": "2"}, {"name": "A b"},
                           {"asn": 4294967296, "color": 1}],
                           "treshold": 1})"),
      ElementsAre(R"(/peers/1/asn: "2" is a string, must be of type integer)",
                  "/peers/2/asn: missing, and required",
                  R"(/peers/2/name: "A b" does not match ^[a-z]+$)",
                  "/peers/3/asn: 4294967296 is above the maximum 4294967295",
                  "/peers/3/color: no such setting; there are asn, name",
                  "/treshold: no such setting; there are peers, threshold"));
}

TEST(ConfigSchemaTest, SaysWhatIsWrongWithAValueAndWhatTheBoundIs) {
  struct Case {
    const char* schema;
    const char* x;
    const char* fault;  // After "/x: "; empty: none.
  };
  for (const Case& c : std::vector<Case>{
           {R"({"type":"integer"})", "5.0", ""},
           {R"({"type":"integer"})", "1e3", ""},
           {R"({"type":"integer"})", "5.5",
            "5.5 is a number, must be of type integer"},
           {R"({"type":["string","null"]})", "null", ""},
           {R"({"type":["string","null"]})", "[1]",
            "is an array, must be of type null or string"},
           {R"({"type":"boolean"})", "0",
            "0 is a number, must be of type boolean"},
           {R"({"minimum":1})", "1", ""},
           {R"({"minimum":1})", "0.5", "0.5 is below the minimum 1"},
           {R"({"minimum":1})", R"("a")", ""},
           {R"({"exclusiveMinimum":0})", "0", "0 is not above 0"},
           {R"({"exclusiveMaximum":10})", "10", "10 is not below 10"},
           {R"({"multipleOf":0.1})", "0.3", ""},
           {R"({"multipleOf":5})", "12", "12 is no multiple of 5"},
           {R"({"enum":["a","b",3]})", "3.0", ""},
           {R"({"enum":["a","b"]})", R"("c")", R"("c" is none of "a", "b")"},
           {R"({"const":1})", "2", "2 is not 1"},
           {R"({"minLength":2})", R"("ä")",
            R"("ä" has 1 characters, the minimum is 2)"},
           {R"({"maxLength":2})", R"("ää")", ""},
           {R"({"pattern":"b+"})", R"("abc")", ""},
           {R"({"minItems":1})", "[]", "has 0 elements, the minimum is 1"},
           {R"({"maxItems":1})", "[1,2]", "has 2 elements, the maximum is 1"},
           {R"({"maxProperties":0})", R"({"a":1})",
            "has 1 properties, the maximum is 0"},
           {R"({"additionalProperties":{"type":"string"}})", R"({"a":"b"})",
            ""},
       }) {
    const auto faults =
        FaultsOf(ForX(c.schema), absl::StrCat("{\"x\":", c.x, "}"));
    if (*c.fault == '\0') {
      EXPECT_THAT(faults, IsEmpty()) << c.schema << " " << c.x;
    } else {
      EXPECT_THAT(faults, ElementsAre(absl::StrCat("/x: ", c.fault)))
          << c.schema << " " << c.x;
    }
  }
}

TEST(ConfigSchemaTest, FindsWhatIsThereTwice) {
  EXPECT_THAT(FaultsOf(ForX(R"({"uniqueItems":true})"),
                       R"({"x":[3,1,{"a":1},1,{"a":1}]})"),
              ElementsAre("/x/3: 1 is there already, at /x/1",
                          "/x/4: is there already, at /x/2"));
}

TEST(ConfigSchemaTest, PointsIntoNamesWithSlashes) {
  EXPECT_THAT(
      FaultsOf(R"({"additionalProperties":{"type":"null"}})", R"({"a/b~":1})"),
      ElementsAre("/a~1b~0: 1 is a number, must be of type null"));
}

TEST(ConfigSchemaTest, StopsAtAHundredFaults) {
  std::string json = "{\"x\":[0";
  for (int i = 0; i < 1000; ++i) json += ",0";
  EXPECT_THAT(FaultsOf(ForX(R"({"items":{"minimum":1}})"), json + "]}"),
              SizeIs(100));
}

TEST(ConfigSchemaTest, FillsInDefaultsAlsoInsideOfThoseAndOfWhatIsThere) {
  const ConfigSchema schema = SchemaOf(R"({"properties": {
      "limits": {"default": {}, "properties": {"n": {"default": 3}}},
      "peers": {"items": {"properties": {"weight": {"default": 1}}}},
      "none": {"properties": {"n": {"default": 1}}},
      "name": {"default": "x"}}})");
  EXPECT_EQ(
      schema.Check(R"({"peers":[{},{"weight":2.0}],"name":null})").json,
      R"({"limits":{"n":3},"name":null,"peers":[{"weight":1},{"weight":2}]})")
      << "what is there stays, and what no default makes is not made";
  EXPECT_EQ(schema.Check("").json, R"({"limits":{"n":3},"name":"x"})");
}

TEST(ConfigSchemaTest, CountsADefaultAsThere) {
  EXPECT_THAT(
      FaultsOf(R"({"required":["a","b"],"properties":{"a":{"default":1}}})",
               "{}"),
      ElementsAre("/b: missing, and required"));
}

TEST(ConfigSchemaTest, WritesWholeNumbersWithAllTheirDigits) {
  EXPECT_EQ(
      ConfigSchema().Check(R"({"b":1e+15,"a":4294967295.0,"c":0.5})").json,
      R"({"a":4294967295,"b":1000000000000000,"c":0.5})");
}

TEST(ConfigSchemaTest, ShowsNoSecret) {
  const ConfigSchema schema = SchemaOf(R"({"properties": {
      "token": {"type": "string", "minLength": 8, "x-secret": true},
      "key": {"x-secret": true},
      "users": {"maxItems": 1, "items": {"properties": {
          "password": {"x-secret": true, "pattern": "[0-9]"}}}}}})");
  const std::string json =
      R"({"key":{"d":"hush"},"name":"n","token":"hush","users":[{"password":"hush"},{}]})";
  EXPECT_EQ(
      schema.Mask(json),
      R"({"key":"***","name":"n","token":"***","users":[{"password":"***"},{}]})");
  const auto checked = schema.Check(json);
  EXPECT_THAT(checked.faults, SizeIs(3));
  for (const ConfigFault& fault : checked.faults) {
    EXPECT_THAT(fault.what, Not(HasSubstr("hush"))) << fault.pointer;
  }
}

TEST(ConfigSchemaTest, SaysWhereASchemaIsBroken) {
  struct Case {
    const char* schema;
    const char* fault;
  };
  for (const Case& c : std::vector<Case>{
           {"{", "/: no JSON"},
           {"[]", "/: [] is no schema"},
           {R"({"type":"array"})", "/type: a configuration is an object"},
           {R"({"x-secret":true})", "/x-secret: a configuration is an object"},
           {R"({"properties":{"peers":{"type":"arrai"}}})",
            "/properties/peers/type: \"arrai\" is none of array, boolean"},
           {R"({"properties":{"a":{"minimun":1}}})",
            "/properties/a/minimun: no keyword that weir knows"},
           {R"({"properties":{"a":{"minimum":"1"}}})",
            "/properties/a/minimum: \"1\" is not a number"},
           {R"({"properties":{"a":{"maxLength":-1}}})",
            "/properties/a/maxLength: -1 is not a whole number"},
           {R"({"properties":{"a":{"items":{"pattern":"("}}}})",
            "/properties/a/items/pattern: \"(\" is no RE2 expression: "},
           {R"({"properties":{"a":{"enum":[]}}})", "/properties/a/enum: []"},
           {R"({"required":"a"})", "/required: \"a\" is not an array"},
           {R"({"properties":{"a":{"multipleOf":0}}})",
            "/properties/a/multipleOf: 0 is not above 0"},
           {R"({"properties":{"a":{"default":200,"maximum":100}}})",
            "/properties/a/default: 200 is above the maximum 100"},
           {R"({"additionalProperties":{"type":"x"}})",
            "/additionalProperties/type: \"x\" is none of"},
           {R"({"properties":{"a":{"x-secret":1}}})",
            "/properties/a/x-secret: 1 is not true or false"},
       }) {
    EXPECT_THAT(
        ConfigSchema::Parse(c.schema),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.fault)))
        << c.schema;
  }
}

TEST(ConfigSchemaTest, BreaksAtNoDepth) {
  std::string schema = "{}";
  for (int i = 0; i < 40; ++i) {
    schema = absl::StrCat(R"({"items":)", schema, "}");
  }
  EXPECT_THAT(ConfigSchema::Parse(ForX(schema)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("deeper than 32 levels")));
  EXPECT_THAT(ConfigSchema::Parse(std::string(1 << 20, '[')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")));
  EXPECT_THAT(
      ConfigSchema().Check("{\"a\":" + std::string(1 << 20, '[')).faults,
      SizeIs(1));
}

// What the regular expressions of the standard library die of.
TEST(ConfigSchemaTest, MatchesALongTextAgainstAPattern) {
  EXPECT_THAT(FaultsOf(ForX(R"({"pattern":"^(a|b)*$"})"),
                       "{\"x\":\"" + std::string(1'000'000, 'a') + "\"}"),
              IsEmpty());
}

}  // namespace
}  // namespace weir
