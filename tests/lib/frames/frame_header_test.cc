#include "lib/frames/frame_header.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace weir::frames {
namespace {

std::string HeaderHex(uint64_t length, uint32_t max) {
  std::string header(HeaderSize(max), 'x');
  WriteHeader(length, header.size(), header.data());
  return absl::BytesToHexString(header);
}

Header Read(absl::string_view hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  return ReadHeader(bytes.data(), bytes.size());
}

// What the original's releases put on the wire, all the same.
struct Vector {
  uint32_t max;
  uint64_t length;
  const char* header;
};

const Vector kVectors[] = {
    {0, 0, "000000"},
    {0, 1, "020000"},
    {0, 5, "0a0000"},
    {0, 63, "7e0000"},
    {0, 64, "800100"},
    {0, 128, "800200"},
    {0, 4096, "804000"},
    {1, 1, "0200"},
    {255, 0, "0000"},
    {255, 64, "8001"},
    {255, 255, "fe03"},
    {255, 256, "8004"},
    {255, 8191, "fe7f"},
    {256, 1, "020000"},
    {256, 256, "800400"},
    {2048, 110, "dc0100"},
    {2048, 2048, "802000"},
    {2048, 2049, "822000"},
    {65535, 65535, "feff07"},
    {65535, 1048575, "feff7f"},
    {65536, 1, "02000000"},
    {65536, 8192, "80800100"},
    {65536, 65536, "80800800"},
    {16777215, 1, "02000000"},
    {16777216, 1, "0200000000"},
};

TEST(FrameHeaderTest, WritesWhatTheOriginalWrites) {
  for (const Vector& v : kVectors) {
    EXPECT_EQ(HeaderHex(v.length, v.max), v.header)
        << v.length << " bytes of at most " << v.max;
  }
}

TEST(FrameHeaderTest, ReadsWhatTheOriginalWrites) {
  for (const Vector& v : kVectors) {
    const Header header = Read(v.header);
    EXPECT_TRUE(header.terminated) << v.header;
    EXPECT_TRUE(header.zero_padded) << v.header;
    EXPECT_EQ(header.length, static_cast<int64_t>(v.length)) << v.header;
  }
}

TEST(FrameHeaderTest, HasTheSizeThatTheMaximumSays) {
  struct Case {
    uint32_t max;
    size_t size;
  };
  for (const Case& c : std::vector<Case>{{0, 3},
                                         {1, 2},
                                         {255, 2},
                                         {256, 3},
                                         {4096, 3},
                                         {65535, 3},
                                         {65536, 4},
                                         {16777215, 4},
                                         {16777216, 5},
                                         {UINT32_MAX, 5}}) {
    EXPECT_EQ(HeaderSize(c.max), c.size) << c.max;
  }
}

TEST(FrameHeaderTest, HoldsTheGreatestLengthOfItsSizeAndBack) {
  struct Case {
    size_t size;
    uint64_t greatest;
  };
  for (const Case& c : std::vector<Case>{{2, 8191},
                                         {3, 1048575},
                                         {4, 134217727},
                                         {5, (uint64_t{1} << 34) - 1}}) {
    EXPECT_EQ(GreatestLength(c.size), c.greatest);
    std::string header(c.size, 'x');
    WriteHeader(c.greatest, c.size, header.data());
    const Header back = ReadHeader(header.data(), c.size);
    EXPECT_TRUE(back.terminated) << c.size;
    EXPECT_EQ(back.length, static_cast<int64_t>(c.greatest)) << c.size;
  }
}

TEST(FrameHeaderTest, HoldsEveryLengthOfTheTwoByteClass) {
  for (uint64_t length = 0; length <= GreatestLength(2); ++length) {
    char header[2];
    WriteHeader(length, 2, header);
    const Header back = ReadHeader(header, 2);
    ASSERT_TRUE(back.terminated && back.zero_padded) << length;
    ASSERT_EQ(back.length, static_cast<int64_t>(length));
  }
}

TEST(FrameHeaderTest, ReadsWhatNoWriterShouldSend) {
  struct Case {
    const char* why;
    const char* header;
    bool terminated;
    bool zero_padded;
    int64_t length;
  };
  for (const Case& c : std::vector<Case>{
           {"the lowest bit is the sign", "010000", true, true, -1},
           {"a greater negative one", "ff0100", true, true, -128},
           {"one byte more than need be", "8a0000", true, true, 5},
           {"two bytes more than need be", "8a8000", true, true, 5},
           {"zero the long way", "808000", true, true, 0},
           {"bytes behind the length", "0aff7f", true, false, 5},
           {"a last byte behind the length", "0a0001", true, false, 5},
       }) {
    const Header header = Read(c.header);
    EXPECT_EQ(header.terminated, c.terminated) << c.why;
    EXPECT_EQ(header.zero_padded, c.zero_padded) << c.why;
    EXPECT_EQ(header.length, c.length) << c.why;
  }
  EXPECT_FALSE(Read("ffffff").terminated);
  EXPECT_FALSE(Read("8080").terminated);
}

TEST(FrameHeaderTest, IsRecognizedWhereItIsOfAnotherSize) {
  struct Case {
    const char* why;
    const char* bytes;
    size_t size;
    bool other;
  };
  for (const Case& c : std::vector<Case>{
           {"two bytes for three", "0a0068656c6c6f", 3, true},
           {"four bytes for three", "0a00000068656c6c6f", 3, true},
           {"three bytes for two", "0a000068656c6c6f", 2, true},
           {"three for three, odd padding", "0aff7f68656c6c6f", 3, false},
           {"one frame and a part of one", "0a0068656c6c6f0a00", 3, false},
           {"two frames and a part", "0a0068656c6c6f02006e0a00", 3, true},
           {"text", "474554202f20485454502f312e31", 3, false},
           {"zeros say nothing", "000000000000", 3, false},
           {"nothing", "", 3, false},
       }) {
    EXPECT_EQ(FitsOtherHeaderSize(absl::HexStringToBytes(c.bytes), c.size),
              c.other)
        << c.why;
  }
}

}  // namespace
}  // namespace weir::frames
