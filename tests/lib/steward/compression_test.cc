#include "lib/steward/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMax = size_t{1} << 20;

class CompressionTest : public ::testing::TestWithParam<Compression> {};

TEST_P(CompressionTest, UnpacksWhatItPacked) {
  for (const size_t size : {0, 1, 255, 256, 16384, 16385, 300000}) {
    std::string payload;
    for (size_t i = 0; i < size; ++i) {
      payload.push_back(static_cast<char>(i * i % 251));
    }
    const absl::StatusOr<std::string> unpacked =
        Decompress(GetParam(), Compress(GetParam(), payload), size);
    ASSERT_TRUE(unpacked.ok()) << size << ": " << unpacked.status();
    EXPECT_EQ(*unpacked, payload) << size;
  }
}

TEST_P(CompressionTest, TakesNoMoreThanItMay) {
  const std::string packed =
      Compress(GetParam(), std::string(size_t{64} << 20, 'a'));
  EXPECT_EQ(Decompress(GetParam(), packed, kMax).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(
      Decompress(GetParam(), Compress(GetParam(), "abc"), 2).status().code(),
      absl::StatusCode::kResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(All, CompressionTest,
                         ::testing::Values(Compression::kNone,
                                           Compression::kZstd,
                                           Compression::kGzip));

class DamageTest : public ::testing::TestWithParam<Compression> {};

TEST_P(DamageTest, EveryEarlyEndIsFound) {
  const std::string packed = Compress(GetParam(), "some payload, some payload");
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(
        Decompress(GetParam(), packed.substr(0, size), kMax).status().code(),
        absl::StatusCode::kInvalidArgument)
        << size;
  }
}

TEST_P(DamageTest, BytesBehindTheFrameAreRefused) {
  const std::string packed = Compress(GetParam(), "some payload");
  const absl::Status status =
      Decompress(GetParam(), absl::StrCat(packed, "junk!"), kMax).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at byte"));
}

TEST_P(DamageTest, FramesInARowAreOnePayload) {
  EXPECT_EQ(*Decompress(GetParam(),
                        absl::StrCat(Compress(GetParam(), "some "),
                                     Compress(GetParam(), "payload")),
                        kMax),
            "some payload");
}

INSTANTIATE_TEST_SUITE_P(Packed, DamageTest,
                         ::testing::Values(Compression::kZstd,
                                           Compression::kGzip));

TEST(CompressionTest, AFlippedBitIsFoundByTheChecksum) {
  std::string packed = Compress(Compression::kZstd, "some payload");
  packed[10] ^= 1;
  EXPECT_EQ(Decompress(Compression::kZstd, packed, kMax).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CompressionTest, UnpacksAFrameThatDoesNotSayItsSize) {
  // As the Go peers write small ones: steward's hello.
  const absl::StatusOr<std::string> unpacked = Decompress(
      Compression::kZstd,
      absl::HexStringToBytes(
          "28b52ffd0400310200976763656e7472616cf601430102ff6852455148656c6c6f"
          "f64060f6f4656e6f6465310a00f40100000a006e68656c6c6f2d6d657373616765"
          "736968656c6c6f2e6c6f67f6f681adc879"),
      kMax);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(unpacked->size(), 70u);
}

}  // namespace
}  // namespace weir::steward
