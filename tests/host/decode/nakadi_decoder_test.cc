#include "host/decode/nakadi_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"

namespace weir {
namespace {

class NakadiDecoderTest : public testing::Test {
 protected:
  struct Seen {
    std::string type, payload;
    int64_t ts_ns;
  };
  Decoded Decode(const std::string& line) {
    writer_.Begin(Receipt());
    // Exactly as long as it says, so that a sanitizer sees who reads beyond.
    const std::vector<char> exact(line.begin(), line.end());
    const Decoded decoded =
        decoder_.Decode(absl::string_view(exact.data(), exact.size()), writer_);
    seen_.clear();
    writer_.ForEach([&](Message& message) {
      seen_.push_back({std::string(types_.Name(message.view.type_id)),
                       std::string(message.payload()), message.view.ts_ns});
    });
    writer_.Finish();
    return decoded;
  }

  SlabPool pool_;
  NameTable types_;
  MessageWriter writer_{pool_};
  NakadiDecoder decoder_{types_};
  std::vector<Seen> seen_;
};

std::string Line(const std::string& events) {
  return absl::StrCat(
      R"({"cursor":{"partition":"0","offset":"1","event_type":"shop.order",)"
      R"("cursor_token":"k"})",
      events, "}");
}

TEST_F(NakadiDecoderTest, MakesAMessageOfEachEvent) {
  const Decoded decoded = Decode(Line(
      R"(,"events":[{"metadata":{"occurred_at":"2024-05-02T08:15:31.5Z"},"x":"\u00e9"}, 7])"));
  EXPECT_EQ(decoded.verdict, Decoded::Verdict::kMessages);
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[0].type, "shop.order");
  EXPECT_EQ(
      seen_[0].payload,
      R"({"metadata":{"occurred_at":"2024-05-02T08:15:31.5Z"},"x":"\u00e9"})");
  EXPECT_EQ(seen_[0].ts_ns, 1714637731'500000000);
  EXPECT_EQ(seen_[1].payload, "7");
  EXPECT_EQ(seen_[1].ts_ns, 0);
}

TEST_F(NakadiDecoderTest, PassesOverKeepAlives) {
  EXPECT_EQ(Decode(Line("")).verdict, Decoded::Verdict::kNotAMessage);
  EXPECT_TRUE(seen_.empty());
}

TEST_F(NakadiDecoderTest, SaysWhatIsNoBatch) {
  const Decoded decoded = Decode("<html>");
  EXPECT_EQ(decoded.verdict, Decoded::Verdict::kParseError);
  EXPECT_FALSE(decoded.text.empty());
  EXPECT_TRUE(seen_.empty());
}

TEST(ParseRfc3339NsTest, ReadsTimes) {
  EXPECT_EQ(ParseRfc3339Ns("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseRfc3339Ns("2024-02-29T23:59:59.123456789Z"),
            1709251199'123456789);
  EXPECT_EQ(ParseRfc3339Ns("2024-05-02T10:15:31+02:00"),
            ParseRfc3339Ns("2024-05-02T08:15:31Z"));
  for (const char* text : {"", "2024", "2024-13-01T00:00:00Z",
                           "2024-05-02T08:15:31", "2024-05-02T08:15:31Zx",
                           "1969-05-02T08:15:31Z", "x024-05-02T08:15:31Z"}) {
    EXPECT_FALSE(ParseRfc3339Ns(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir
