#include "lib/frames/frame_parser.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/frames/frame_header.h"
#include "lib/frames/frame_list.h"
#include "tests/lib/frames/feed_piece.h"
#include "tests/lib/frames/frame_bytes.h"

namespace weir::frames {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Parsed {
  std::vector<std::string> frames;
  CloseReason fault = CloseReason::kNone;
};

// Feeds `bytes` in pieces of `piece` bytes; see FeedPiece.
Parsed ParseInPieces(FrameParser* parser, absl::string_view bytes, size_t piece,
                     bool by_space = false) {
  Parsed parsed;
  while (!bytes.empty() && parsed.fault == CloseReason::kNone) {
    parsed.fault =
        FeedPiece(parser, bytes.substr(0, piece), by_space, &parsed.frames);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return parsed;
}

Parsed Parse(absl::string_view bytes, const ParserOptions& options = {}) {
  FrameParser parser(options);
  return ParseInPieces(&parser, bytes, bytes.size() + 1);
}

TEST(FrameParserTest, ReadsTheVectorsOfTheOriginal) {
  struct Case {
    uint32_t max;
    const char* header;
    size_t payload;
  };
  for (const Case& c : std::vector<Case>{{0, "000000", 0},
                                         {0, "020000", 1},
                                         {0, "7e0000", 63},
                                         {0, "800100", 64},
                                         {0, "804000", 4096},
                                         {1, "0200", 1},
                                         {255, "0000", 0},
                                         {255, "8001", 64},
                                         {255, "fe03", 255},
                                         {256, "020000", 1},
                                         {256, "800400", 256},
                                         {2048, "dc0100", 110},
                                         {2048, "802000", 2048},
                                         {65535, "feff07", 65535},
                                         {65536, "80800100", 8192},
                                         {65536, "80800800", 65536},
                                         {16777216, "0200000000", 1}}) {
    std::string payload;
    for (size_t i = 0; i < c.payload; ++i) payload += static_cast<char>(i);
    const Parsed parsed =
        Parse(Hex(c.header) + payload, {.max_message_size = c.max});
    EXPECT_THAT(parsed.frames, ElementsAre(payload)) << c.max << c.header;
    EXPECT_EQ(parsed.fault, CloseReason::kNone) << c.max << c.header;
  }
}

TEST(FrameParserTest, FindsTheFaultBehindTheFramesBeforeIt) {
  struct Case {
    const char* why;
    uint32_t max;
    const char* bytes;
    CloseReason fault;
  };
  for (const Case& c : std::vector<Case>{
           {"one byte over the maximum", 2048, "822000", CloseReason::kTooLong},
           {"over a two-byte class's", 255, "8004", CloseReason::kTooLong},
           {"all that a header holds", 0, "feff7f", CloseReason::kTooLong},
           {"minus one", 0, "010000", CloseReason::kNegative},
           {"minus much", 0, "ffff7f", CloseReason::kNegative},
           {"does not end", 0, "ffffff", CloseReason::kUnterminated},
           {"does not end, of zeros", 255, "8080", CloseReason::kUnterminated},
       }) {
    const std::string good = FrameOf("good", c.max);
    FrameParser parser({.max_message_size = c.max});
    const Parsed parsed =
        ParseInPieces(&parser, absl::StrCat(good, Hex(c.bytes), good), 1000);
    EXPECT_THAT(parsed.frames, ElementsAre("good")) << c.why;
    EXPECT_EQ(Name(parsed.fault), Name(c.fault)) << c.why;
    FrameList after;
    EXPECT_EQ(parser.Feed(good, &after), c.fault) << c.why << ", again";
    EXPECT_THAT(after.frames, IsEmpty()) << c.why;
    EXPECT_EQ(parser.AtEnd(), c.fault) << c.why;
  }
}

TEST(FrameParserTest, TakesAnyPaddingAndNumbersLongerThanNeedBe) {
  for (const char* header :
       {"0a0000", "0aff7f", "0a0001", "8a0000", "8a8000", "8a00ff"}) {
    FrameParser parser({});
    EXPECT_THAT(
        ParseInPieces(&parser, absl::StrCat(Hex(header), "hello"), 100).frames,
        ElementsAre("hello"))
        << header;
  }
}

TEST(FrameParserTest, CountsOddPaddingOrRefusesIt) {
  const std::string odd = absl::StrCat(FrameOf("a"), Hex("0aff7f"), "hello");
  FrameParser parser({});
  ParseInPieces(&parser, odd, 100);
  EXPECT_EQ(parser.counts().odd_padding, 1);

  const Parsed strict = Parse(odd, {.require_zero_padding = true});
  EXPECT_THAT(strict.frames, ElementsAre("a"));
  EXPECT_EQ(strict.fault, CloseReason::kHeaderClass);
}

TEST(FrameParserTest, CallsAnotherHeaderSizeByItsName) {
  struct Case {
    const char* why;
    uint32_t writer, reader;
    const char* payload;
  };
  for (const Case& c : std::vector<Case>{
           {"the original's own example", 255, 4096, "hello\n"},
           {"shorter headers, longer text", 255, 65536, "a rather long line"},
           {"longer headers, an odd letter first", 65536, 255, "aaa"},
       }) {
    const std::string bytes =
        FrameOf(c.payload, c.writer) + FrameOf(c.payload, c.writer);
    EXPECT_STREQ(Name(Parse(bytes, {.max_message_size = c.reader}).fault),
                 "header_class")
        << c.why;
  }
}

// The first record of a handshake would be a message of 11 bytes, and what
// follows others.
TEST(FrameParserTest, CallsTlsByItsName) {
  const std::string hello =
      Hex("1603010200010001fc0303") + std::string(506, 'x');
  for (const uint32_t max : {255, 4096, 65536, 1 << 24}) {
    FrameParser parser({.max_message_size = max});
    FrameList list;
    EXPECT_EQ(parser.Feed(hello, &list), CloseReason::kTls) << max;
    EXPECT_TRUE(list.frames.empty());
  }
  // Later it is a message like others, and for who does not ask.
  FrameParser parser({});
  FrameList list;
  EXPECT_EQ(parser.Feed(FrameOf("first"), &list), CloseReason::kNone);
  EXPECT_EQ(parser.Feed(hello.substr(0, 14), &list), CloseReason::kNone);
  EXPECT_EQ(list.frames.size(), 2);
  FrameParser trusting({.detect_header_class = false});
  EXPECT_EQ(trusting.Feed(hello.substr(0, 14), &list), CloseReason::kNone);
}

TEST(FrameParserTest, GivesTheSameFramesHoweverItIsCut) {
  std::string bytes;
  std::vector<std::string> want;
  for (const size_t size : {0, 1, 5, 63, 64, 200, 4096, 3, 0, 1000}) {
    want.emplace_back(size, static_cast<char>('a' + size % 26));
    bytes += FrameOf(want.back());
  }
  for (size_t piece = 1; piece <= bytes.size(); piece += 1 + piece / 40) {
    for (const bool by_space : {false, true}) {
      FrameParser parser({});
      EXPECT_EQ(ParseInPieces(&parser, bytes, piece, by_space).frames, want)
          << piece << by_space;
      EXPECT_EQ(parser.AtEnd(), CloseReason::kPeerClosed);
    }
  }
}

TEST(FrameParserTest, CutAtEveryByteOfTwoFramesGivesBoth) {
  const std::string bytes = FrameOf("hello") + FrameOf(std::string(70, 'x'));
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    FrameParser parser({});
    FrameList list;
    parser.Feed(bytes.substr(0, cut), &list);
    list.Clear();
    FrameParser again({});
    Parsed all = ParseInPieces(&again, bytes.substr(0, cut), cut);
    const Parsed rest = ParseInPieces(&again, bytes.substr(cut), bytes.size());
    all.frames.insert(all.frames.end(), rest.frames.begin(), rest.frames.end());
    EXPECT_THAT(all.frames, ElementsAre("hello", std::string(70, 'x'))) << cut;
  }
}

TEST(FrameParserTest, DeliversEmptyFramesOrSkipsThem) {
  const std::string bytes = FrameOf("") + FrameOf("a") + FrameOf("");
  EXPECT_THAT(Parse(bytes).frames, ElementsAre("", "a", ""));

  FrameParser parser({.deliver_empty = false});
  EXPECT_THAT(ParseInPieces(&parser, bytes, 100).frames, ElementsAre("a"));
  EXPECT_EQ(parser.counts().empty_skipped, 2);
  EXPECT_EQ(parser.counts().frames, 1);
}

TEST(FrameParserTest, SaysWhereTheEndCame) {
  struct Case {
    const char* bytes;
    CloseReason at_end;
  };
  for (const Case& c : std::vector<Case>{
           {"", CloseReason::kPeerClosed},
           {"020000 61", CloseReason::kPeerClosed},
           {"00", CloseReason::kTruncatedHeader},
           {"0a00", CloseReason::kTruncatedHeader},
           {"0a0000", CloseReason::kTruncatedBody},
           {"0a000068656c6c", CloseReason::kTruncatedBody},
       }) {
    std::string hex = c.bytes;
    hex.erase(std::remove(hex.begin(), hex.end(), ' '), hex.end());
    FrameParser parser({});
    const std::string bytes = Hex(hex);
    ParseInPieces(&parser, bytes, 100);
    EXPECT_STREQ(Name(parser.AtEnd()), Name(c.at_end)) << c.bytes;
    EXPECT_EQ(parser.in_frame(), c.at_end != CloseReason::kPeerClosed);
  }
}

TEST(FrameParserTest, DoesNotCopyAFrameThatLiesWhole) {
  const std::string bytes = FrameOf("hello") + FrameOf("world");
  FrameParser parser({});
  FrameList list;
  parser.Feed(bytes, &list);
  ASSERT_EQ(list.frames.size(), 2);
  EXPECT_EQ(list.frames[0].data(), bytes.data() + 3);
  EXPECT_EQ(list.frames[1].data(), bytes.data() + 11);
  EXPECT_THAT(list.joined, IsEmpty());
}

TEST(FrameParserTest, DoesNotCopyAFrameWhoseHeaderAloneWasCut) {
  const std::string bytes = FrameOf("hello");
  FrameParser parser({});
  FrameList list;
  parser.Feed(absl::string_view(bytes).substr(0, 1), &list);
  parser.Feed(absl::string_view(bytes).substr(1), &list);
  ASSERT_EQ(list.frames.size(), 1);
  EXPECT_EQ(list.frames[0].data(), bytes.data() + 3);
}

// A header may promise what never comes.
TEST(FrameParserTest, TakesMemoryForWhatCameOnly) {
  constexpr uint32_t kMax = UINT32_MAX;
  std::string header(HeaderSize(kMax), '\0');
  WriteHeader(kMax, header.size(), header.data());
  const std::string some(10000, 'x');
  FrameParser parser({.max_message_size = kMax});
  FrameList list;
  parser.Feed(header, &list);
  EXPECT_LE(parser.Space().size(), FrameParser::kLeastSpace);
  for (int i = 0; i < 3; ++i) {
    parser.Feed(some, &list);
    EXPECT_LE(parser.Space().size(), (i + 1) * some.size());
  }
  EXPECT_EQ(parser.length(), kMax);
  EXPECT_THAT(list.frames, IsEmpty());
}

TEST(FrameParserTest, TellsOneFrameThatBeganFromTheNext) {
  FrameParser parser({});
  FrameList list;
  const std::string two = FrameOf("a") + FrameOf("hello");
  parser.Feed(two.substr(0, 5), &list);
  EXPECT_TRUE(parser.in_frame());
  EXPECT_EQ(parser.begun(), 2);
  EXPECT_EQ(parser.length(), 0);
  parser.Feed(two.substr(5, 4), &list);
  EXPECT_EQ(parser.begun(), 2);
  EXPECT_EQ(parser.length(), 5);
  const std::string rest = two.substr(9);
  parser.Feed(rest, &list);
  EXPECT_FALSE(parser.in_frame());
}

}  // namespace
}  // namespace weir::frames
