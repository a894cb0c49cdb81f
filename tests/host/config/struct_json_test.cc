#include "host/config/struct_json.h"

#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(StructToJsonTest, PrintsWhatAPluginReads) {
  google::protobuf::Struct object;
  EXPECT_EQ(StructToJson(object), "{}");
  const std::string json =
      R"({"a":[],"b":[1,{"x":null}],"c":{},"d":"\"\\\u0001é","e":true,)"
      R"("f":-0.5,"g":1000000000000000,"h":1e+300})";
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &object).ok());
  EXPECT_EQ(StructToJson(object), json);
}

}  // namespace
}  // namespace weir
