// The table of fields is kept twice, for people and for compilers. This keeps
// the two equal.
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "re2/re2.h"

namespace weir {
namespace {

using ::testing::SizeIs;

// By name: the number, and of a field its kind.
using Table = std::map<std::string, std::pair<int, std::string>>;

std::string Read(const char* path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

Table FieldsOf(const std::string& text, const char* pattern, bool name_first) {
  Table table;
  re2::StringPiece rest(text);
  const RE2 field(pattern);
  std::string first;
  std::string second;
  std::string kind;
  while (RE2::FindAndConsume(&rest, field, &first, &second, &kind)) {
    table[name_first ? first : second] = {
        std::stoi(name_first ? second : first), kind};
  }
  return table;
}

Table KindsOf(const std::string& text, const char* pattern) {
  Table table;
  re2::StringPiece rest(text);
  const RE2 kind(pattern);
  std::string name;
  int number;
  while (RE2::FindAndConsume(&rest, kind, &name, &number)) {
    table[name] = {number, ""};
  }
  return table;
}

TEST(MessageFieldsTest, AreTheSameForPeopleAndForCompilers) {
  const Table docs =
      FieldsOf(Read("docs/message_fields.md"),
               R"((?m)^\| (\d+) \| `(\w+)` \| `(\w+)` \|)", false);
  const Table header =
      FieldsOf(Read("api/weir/message_fields.h"),
               R"(WEIR_FIELD_(\w+) = (\d+),?\s*/\* ([A-Z][A-Z0-9_]+))", true);
  EXPECT_EQ(docs, header);
  EXPECT_THAT(header, SizeIs(49));
}

TEST(MessageFieldsTest, HaveTheSameKindsForPeopleAndForCompilers) {
  const Table docs = KindsOf(Read("docs/message_fields.md"),
                             R"((?m)^\| `([A-Z0-9_]+)` \| (\d+) \|)");
  const Table header =
      KindsOf(Read("api/weir/message_fields.h"), R"(WEIR_KIND_(\w+) = (\d+))");
  EXPECT_EQ(docs, header);
  EXPECT_THAT(header, SizeIs(10));
}

}  // namespace
}  // namespace weir
