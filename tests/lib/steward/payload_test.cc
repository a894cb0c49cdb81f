#include "lib/steward/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/steward/compression.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/profile.h"
#include "tests/lib/steward/vectors.h"

namespace weir::steward {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr size_t kMax = size_t{1} << 20;

PayloadHeaders HeadersOf(const Payload& payload) {
  PayloadHeaders headers;
  for (const auto& [name, value] : payload.headers) {
    if (name == "serial") headers.serial = value;
    if (name == "cmp") headers.cmp = value;
  }
  return headers;
}

TEST(Payload, HasTheHeadersOfItsProfile) {
  const auto headers = [](Profile profile, Compression compression) {
    return EncodePayload(Hello(), profile, compression).headers;
  };
  EXPECT_THAT(headers(Profile::kS0, Compression::kNone),
              ElementsAre(Pair("serial", "cbor")));
  EXPECT_THAT(headers(Profile::kS0, Compression::kZstd),
              ElementsAre(Pair("serial", "cbor"), Pair("cmp", "z")));
  EXPECT_THAT(headers(Profile::kS1, Compression::kNone),
              ElementsAre(Pair("fromNode", "node1"), Pair("serial", "cbor"),
                          Pair("cmp", "none")));
  EXPECT_THAT(headers(Profile::kC1, Compression::kGzip),
              ElementsAre(Pair("fromNode", "node1"), Pair("serial", "cbor"),
                          Pair("cmp", "g")));
  EXPECT_THAT(headers(Profile::kC4, Compression::kNone),
              ElementsAre(Pair("fromNode", "node1")));
}

TEST(Payload, IsReadBackInEveryProfileAndCompression) {
  for (const Profile profile : {Profile::kS0, Profile::kS1, Profile::kC1,
                                Profile::kC2, Profile::kC3, Profile::kC4}) {
    for (const Compression compression :
         {Compression::kNone, Compression::kZstd, Compression::kGzip}) {
      Message message;
      message.from_node = "node1";
      message.data.emplace(1, std::string(3000, 'x'));
      const Payload payload = EncodePayload(message, profile, compression);
      const absl::StatusOr<DecodedMessage> decoded =
          DecodePayload(HeadersOf(payload), payload.bytes, kMax);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(decoded->message, message);
      EXPECT_EQ(decoded->layout, LayoutOf(profile)) << ProfileName(profile);
    }
  }
}

TEST(Payload, ReadsWhatTheOriginalProgramsSent) {
  // Captured from running nodes: requests of a command.
  const absl::StatusOr<DecodedMessage> s1 = DecodePayload(
      {.serial = "cbor", .cmp = "z"},
      Unhex("28b52ffd0400990500976763656e7472616cf603f66d524551436c69436f6d6d61"
            "6e64836462617368622d6378236563686f2068656c6c6f2066726f6d2024484f53"
            "544e414d455f583b2065786974203058404f6ef5d07937e1d0bc511e304d3d6923"
            "88764ca27d3d1a74e2a8131801a774770438254f88862b2d463b6cf28b92be57ee"
            "c18f2f974cc44814f83157c66e2b096c524551546f436f6e736f6c65f6f4656e6f"
            "6465310300f402040105006264316666312e6c6f67f6f64f805363"),
      kMax);
  ASSERT_TRUE(s1.ok()) << s1.status();
  EXPECT_EQ(s1->layout, Layout::kS1);
  EXPECT_EQ(s1->message.to_node, "central");
  EXPECT_EQ(s1->message.id, 3);
  EXPECT_THAT(*s1->message.method_args,
              ElementsAre("bash", "-c", "echo hello from $HOSTNAME_X; exit 0"));
  EXPECT_EQ(s1->message.arg_signature->size(), 64u);
  EXPECT_EQ(s1->message.reply_method, "REQToConsole");
  EXPECT_EQ(s1->message.method_timeout, 5);
  EXPECT_EQ(s1->message.file_name, "f1.log");

  const absl::StatusOr<DecodedMessage> s0 = DecodePayload(
      {.serial = "cbor", .cmp = "z"},
      Unhex("28b52ffd040001030098196763656e7472616cf600f66d524551436c69436f6d6d"
            "616e64836462617368622d636f6563686f2068656c6c6f2d736565646c52455154"
            "6f436f6e736f6c65f6f4656e6f6465310302040105006264316666312e6c6f67f6"
            "60606060606043204176"),
      kMax);
  ASSERT_TRUE(s0.ok()) << s0.status();
  EXPECT_EQ(s0->layout, Layout::kS0);
  EXPECT_THAT(*s0->message.method_args,
              ElementsAre("bash", "-c", "echo hello-seed"));

  const absl::StatusOr<DecodedMessage> c4 = DecodePayload(
      {},
      Unhex("28b52ffd0400810500981b6763656e7472616cf66004f66a636c69436f6d6d616e"
            "64836462617368622d6378236563686f2068656c6c6f2066726f6d2024484f5354"
            "4e414d455f583b206578697420305840ad10523eeb0a164aff53cc68331c371703"
            "76914a905eba0bbbdf343a5be13be1d166238657c924f5cc1f8c49665ffbd9756a"
            "598f2c21ccbe2f0b40f563878b0467636f6e736f6c65f6f4656e6f6465310300f4"
            "02040105006264316666312e6c6f67f6f6f4f6f6d3d67e15"),
      kMax);
  ASSERT_TRUE(c4.ok()) << c4.status();
  EXPECT_EQ(c4->layout, Layout::kC4);
  EXPECT_EQ(c4->message.method, "cliCommand");
  EXPECT_EQ(c4->message.reply_method, "console");
}

TEST(Payload, ReadsJsonWhereThereAreNoHeaders) {
  const absl::StatusOr<DecodedMessage> decoded =
      DecodePayload({}, R"({"method":"console","data":"aGk="})", kMax);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->layout, Layout::kC4);
  EXPECT_EQ(decoded->message.data, Message::Texts{"hi"});
}

struct Refused {
  PayloadHeaders headers;
  std::string bytes;
  absl::StatusCode code;
  const char* reason;
};

TEST(Payload, SaysWhatItRefuses) {
  const std::string zstd = Compress(Compression::kZstd, "\xf6");
  const Refused refused[] = {
      // Go's default, and what a header of another name or value makes of it.
      {{},
       "\x1a\xff\x81\x03",
       absl::StatusCode::kUnimplemented,
       "-serialization cbor"},
      {{.serial = "gob"}, zstd, absl::StatusCode::kUnimplemented, "gob"},
      {{.cmp = "z"}, zstd, absl::StatusCode::kUnimplemented, "gob"},
      {{}, "", absl::StatusCode::kUnimplemented, "gob"},
      {{.serial = "cbor", .cmp = "z"},
       "garbage",
       absl::StatusCode::kInvalidArgument,
       "no zstd"},
      {{.serial = "cbor", .cmp = "g"},
       zstd,
       absl::StatusCode::kInvalidArgument,
       "no gzip"},
      {{.serial = "cbor", .cmp = "Z"},
       zstd,
       absl::StatusCode::kInvalidArgument,
       "in place of an array"},
      {{.serial = "cbor", .cmp = "z"},
       zstd,
       absl::StatusCode::kInvalidArgument,
       "null in place of an array"},
      {{.serial = "cbor"},
       std::string(kMax + 1, '\x60'),
       absl::StatusCode::kResourceExhausted,
       "more than 1048576 bytes"},
      {{},
       "{" + std::string(kMax, ' '),
       absl::StatusCode::kResourceExhausted,
       "more than 1048576"},
  };
  for (const Refused& row : refused) {
    const absl::Status status =
        DecodePayload(row.headers, row.bytes, kMax).status();
    EXPECT_EQ(status.code(), row.code) << row.reason << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.reason));
  }
}

}  // namespace
}  // namespace weir::steward
