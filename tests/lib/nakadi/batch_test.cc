#include "lib/nakadi/batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir::nakadi {
namespace {

constexpr char kCursor[] =
    R"("cursor":{"partition":"0","offset":"o","event_type":"t","cursor_token":"k"})";

class BatchReaderTest : public testing::Test {
 protected:
  absl::Status Read(const std::string& line) {
    line_ = line;
    line_.reserve(line_.size() + BatchReader::kPadding);
    return reader_.Read(line_, &batch_, &events_, &times_);
  }

  std::string line_;
  BatchReader reader_;
  BatchLine batch_;
  std::vector<absl::string_view> events_, times_;
};

TEST_F(BatchReaderTest, HandsOnTheBytesOfEachEvent) {
  const std::string first =
      R"({"t":"Zoë 日本語 😀 \u00e9 \ud83d\ude00 \" \\ \/ \u0000", "n":1e400})";
  const std::string second = R"({"a":"]}\n{\"cursor\":"})";
  ASSERT_TRUE(
      Read(absl::StrCat("{", kCursor, ",\"events\":[", first, " , ", second,
                        "],\"info\":{\"debug\":\"Stream "
                        "started\"}}"))
          .ok());
  EXPECT_EQ(batch_.partition, "0");
  EXPECT_EQ(batch_.offset, "o");
  EXPECT_EQ(batch_.event_type, "t");
  EXPECT_EQ(batch_.cursor_token, "k");
  EXPECT_EQ(batch_.info, "Stream started");
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0], first);
  EXPECT_EQ(events_[1], second);
  EXPECT_EQ(batch_.count, 2u);
  EXPECT_EQ(batch_.events, absl::StrCat("[", first, " , ", second, "]"));
}

TEST_F(BatchReaderTest, TakesFieldsInAnyOrderAndUnknownOnes) {
  ASSERT_TRUE(Read(R"({"info":{"debug":"x","z":1},"events":[1,null,"s",[2]],)"
                   R"("new":{"k":[]},"cursor":{"x":1,"cursor_token":"t",)"
                   R"("event_type":"e","offset":"o","partition":"0"}})")
                  .ok());
  EXPECT_EQ(batch_.count, 4u);
  EXPECT_EQ(events_,
            (std::vector<absl::string_view>{"1", "null", "\"s\"", "[2]"}));
  EXPECT_EQ(batch_.cursor_token, "t");
}

TEST_F(BatchReaderTest, TakesWhiteSpace) {
  ASSERT_TRUE(Read(absl::StrCat("{ ", kCursor,
                                " , \"events\" : [ {\"a\":1} , "
                                "{\"a\":2} ] } "))
                  .ok());
  EXPECT_EQ(events_,
            (std::vector<absl::string_view>{"{\"a\":1}", "{\"a\":2}"}));
}

TEST_F(BatchReaderTest, TakesNoEventsAsAKeepAlive) {
  for (const char* events : {"", ",\"events\":[]", ",\"events\":null"}) {
    ASSERT_TRUE(Read(absl::StrCat("{", kCursor, events, "}")).ok()) << events;
    EXPECT_EQ(batch_.count, 0u);
    EXPECT_TRUE(batch_.events.empty());
  }
}

TEST_F(BatchReaderTest, FindsWhenAnEventOccurred) {
  ASSERT_TRUE(
      Read(absl::StrCat("{", kCursor,
                        R"(,"events":[)"
                        R"({"metadata":{"eid":"a",)"
                        R"("occurred_at":"2024-05-02T08:15:31Z"},"x":1},)"
                        R"({"metadata":{"eid":"b"}},{"metadata":7},3]})"))
          .ok());
  EXPECT_EQ(times_, (std::vector<absl::string_view>{"2024-05-02T08:15:31Z", "",
                                                    "", ""}));
  EXPECT_EQ(events_[1], R"({"metadata":{"eid":"b"}})");
}

TEST_F(BatchReaderTest, ReadsInfoOfAnyKind) {
  ASSERT_TRUE(Read(absl::StrCat("{", kCursor, ",\"info\":\"text\"}")).ok());
  EXPECT_EQ(batch_.info, "\"text\"");
  ASSERT_TRUE(
      Read(absl::StrCat("{", kCursor, R"(,"info":{"debug":"a","more":[1]}})"))
          .ok());
  EXPECT_EQ(batch_.info, R"({"debug":"a","more":[1]})");
}

TEST_F(BatchReaderTest, CountsTenThousandEvents) {
  std::string line = absl::StrCat("{", kCursor, ",\"events\":[0");
  for (int i = 1; i < 10000; ++i) absl::StrAppend(&line, ",", i);
  ASSERT_TRUE(Read(line + "]}").ok());
  EXPECT_EQ(batch_.count, 10000u);
}

TEST_F(BatchReaderTest, RefusesWhatIsNoBatch) {
  for (
      const char* line :
      {"<html>", "", "[]", "{}", "{\"events\":[1]}", "{\"cursor\":7}",
       R"({"cursor":{"partition":"0","offset":"o","event_type":"t"}})",
       R"({"cursor":{"partition":"0","offset":"o","cursor_token":"k"}})",
       R"({"cursor":{"offset":"o","event_type":"t","cursor_token":"k"}})",
       R"({"cursor":{"partition":null,"offset":"o","event_type":"t","cursor_token":"k"}})",
       R"({"cursor":{"partition":"0","off)"}) {
    EXPECT_TRUE(absl::IsDataLoss(Read(line))) << line;
  }
  const std::string whole =
      absl::StrCat("{", kCursor, ",\"events\":[{\"a\":[1,2]},7]}");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).ok()) << whole.substr(0, size);
  }
  EXPECT_FALSE(Read(whole + "{}").ok());
  EXPECT_FALSE(Read(absl::StrCat("{", kCursor, ",\"events\":{}}")).ok());
}

}  // namespace
}  // namespace weir::nakadi
