// ConfigSchema against valijson, on schemas and values made at random: two that
// were written apart agree on what is valid. Without multipleOf, for which
// valijson 1.0 casts -0.5 to 0, and pattern, for which it has another grammar.
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "host/plugin/config_schema.h"
#include "nlohmann/json.hpp"
#include "valijson/adapters/nlohmann_json_adapter.hpp"
#include "valijson/schema.hpp"
#include "valijson/schema_parser.hpp"
#include "valijson/validator.hpp"

namespace weir {
namespace {

using Json = nlohmann::json;

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }
  bool Now() { return Below(3) == 0; }

  Json Schema(int depth) {
    Json schema = Json::object();
    static const std::vector<const char*> types = {
        "array", "boolean", "integer", "null", "number", "object", "string"};
    if (Now()) schema["type"] = types[Below(7)];
    if (Now()) schema["type"] = {types[Below(7)], types[Below(7)]};
    if (schema.contains("type") && schema["type"].is_array() &&
        schema["type"][0] == schema["type"][1]) {
      schema.erase("type");
    }
    for (const char* bound :
         {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
      if (Now()) schema[bound] = static_cast<int>(Below(7)) - 3;
    }
    for (const char* count : {"minLength", "maxLength", "minItems", "maxItems",
                              "minProperties", "maxProperties"}) {
      if (Now()) schema[count] = Below(3);
    }
    if (Now()) schema["uniqueItems"] = Below(2) == 0;
    if (Below(6) == 0) schema["enum"] = {Value(1), Value(1), Value(1)};
    if (Below(9) == 0) schema["const"] = Value(1);
    if (depth == 0) return schema;
    if (Now()) schema["items"] = Schema(depth - 1);
    if (Now()) {
      for (const char* key : {"a", "b"}) {
        schema["properties"][key] = Schema(depth - 1);
      }
    }
    if (Now()) schema["required"] = Json::array({"a"});
    if (Now()) {
      schema["additionalProperties"] =
          Now() ? Json(Below(2) == 0) : Schema(depth - 1);
    }
    return schema;
  }

  Json Value(int depth) {
    switch (Below(depth == 0 ? 5 : 7)) {
      case 0:
        return nullptr;
      case 1:
        return Below(2) == 0;
      case 2:
        return static_cast<int>(Below(9)) - 4;
      case 3:
        return (static_cast<int>(Below(9)) - 4) / 2.0;
      case 4:
        return std::string(Below(4), 'x');
      case 5: {
        Json list = Json::array();
        for (size_t n = Below(4); n > 0; --n) list.push_back(Value(depth - 1));
        return list;
      }
      default: {
        Json object = Json::object();
        for (const char* key : {"a", "b", "c"}) {
          if (Below(2) == 0) object[key] = Value(depth - 1);
        }
        return object;
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

// Whole doubles as integers, as both are to see them.
Json Whole(Json value) {
  if (value.is_structured()) {
    for (Json& child : value) child = Whole(child);
  } else if (value.is_number_float() &&
             value.get<double>() == static_cast<int>(value.get<double>())) {
    return static_cast<int>(value.get<double>());
  }
  return value;
}

bool IsValid(const Json& schema, const Json& value) {
  valijson::Schema parsed;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema),
                        parsed);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  return validator.validate(
      parsed, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
}

TEST(ConfigSchemaOracleTest, AgreesWithValijsonOnWhatIsValid) {
  int valid = 0;
  int invalid = 0;
  for (uint64_t seed = 0; seed < 5'000; ++seed) {
    Maker maker(seed);
    const Json schema = Whole(Json{{"properties", {{"x", maker.Schema(3)}}}});
    const auto ours = ConfigSchema::Parse(schema.dump());
    ASSERT_TRUE(ours.ok()) << schema << ": " << ours.status();
    for (int i = 0; i < 5; ++i) {
      const Json value = Whole(Json{{"x", maker.Value(3)}});
      const bool expected = IsValid(schema, value);
      const auto checked = ours->Check(value.dump());
      ASSERT_EQ(checked.faults.empty(), expected)
          << "seed " << seed << ": " << schema << " of " << value << ": "
          << (checked.faults.empty()
                  ? ""
                  : checked.faults[0].pointer + " " + checked.faults[0].what);
      ++(expected ? valid : invalid);
    }
  }
  EXPECT_GT(valid, 2'500);
  EXPECT_GT(invalid, 2'500);
}

}  // namespace
}  // namespace weir
