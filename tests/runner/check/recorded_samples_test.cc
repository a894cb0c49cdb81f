#include "runner/check/recorded_samples.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runner/check/check_host.h"
#include "runner/check/samples.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class RecordedSamplesTest : public testing::Test {
 protected:
  std::string Put(const std::string& text) {
    std::string path = dir_.path() + "/messages";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  static void ExpectSame(const Sample& got, const Sample& want) {
    EXPECT_EQ(got.type, want.type);
    EXPECT_EQ(got.body, want.body);
    EXPECT_EQ(got.flags, want.flags);
    EXPECT_EQ(got.time_ns, want.time_ns);
    ASSERT_THAT(got.fields, SizeIs(want.fields.size())) << want.what;
    for (size_t i = 0; i < got.fields.size(); ++i) {
      EXPECT_EQ(got.fields[i].key, want.fields[i].key);
      EXPECT_EQ(got.fields[i].kind, want.fields[i].kind);
      EXPECT_EQ(got.fields[i].number, want.fields[i].number);
      EXPECT_EQ(got.fields[i].bytes, want.fields[i].bytes);
    }
  }

  const ShortTempDir dir_;
};

TEST_F(RecordedSamplesTest, AreWrittenAndReadAgainAsTheyWere) {
  std::vector<Sample> samples = PlainSamples();
  samples.push_back({.type = std::size(kCheckTypes),
                     .body = std::string("\0\xff\n\"", 4),
                     .time_ns = -5,
                     .flags = 7,
                     .fields = FieldOfEachKey()});
  std::string text;
  for (const Sample& sample : samples) {
    absl::StrAppend(&text, WritePoison(sample, {.cause = "SIG\"SEGV"}), "\n");
  }
  const auto again = ReadSamples(Put(text), 100);
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(*again, SizeIs(samples.size()));
  for (size_t i = 0; i < samples.size(); ++i) {
    ExpectSame((*again)[i], samples[i]);
  }
}

// What the samples were written down as is what the host makes of their bodies.
TEST_F(RecordedSamplesTest, OfARecordingAreWhatTheHostMakesOfItsLines) {
  for (const Sample& sample : PlainSamples()) {
    if (kCheckTypes[sample.type] == "RAW") continue;
    const auto read =
        ReadSamples(Put(sample.body + "\n{\"type\":\"pong\"}\n"), 100);
    ASSERT_THAT(read, IsOk()) << sample.what;
    ASSERT_THAT(*read, SizeIs(2)) << sample.what;
    EXPECT_EQ((*read)[0].type, sample.type) << sample.what;
    EXPECT_EQ((*read)[0].body, sample.body);
    EXPECT_THAT((*read)[0].fields, SizeIs(sample.fields.size())) << sample.what;
    EXPECT_EQ(kCheckTypes[(*read)[1].type], "RAW");
    EXPECT_EQ((*read)[1].body, sample.body);
  }
}

// As GetPoisonMessage has it, without what was decoded.
TEST_F(RecordedSamplesTest, OfAHostAreDecodedAnew) {
  const Sample want = PlainSamples()[1];
  Sample bare = want;
  bare.fields.clear();
  std::string line = WritePoison(bare, {});
  line = line.substr(0, line.find(", \"flags\"")) + "}";
  const auto read = ReadSamples(Put(line), 100);
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(*read, SizeIs(1));
  EXPECT_THAT((*read)[0].fields, SizeIs(want.fields.size()));
}

TEST_F(RecordedSamplesTest, AreNoMoreThanAskedFor) {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    absl::StrAppend(&text, PlainSamples()[1].body, "\n");
  }
  EXPECT_THAT(*ReadSamples(Put(text), 3), SizeIs(3));
}

TEST_F(RecordedSamplesTest, SayWhatIsWrongWithTheFile) {
  EXPECT_THAT(ReadSamples("/nowhere", 1).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere")));
  EXPECT_THAT(
      ReadSamples(Put("{}\n"), 1).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no message")));
  EXPECT_THAT(
      ReadSamples(Put("{\"messageType\": \"UPDATE\", \"payload\": \"?\"}"), 1)
          .status(),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(":1: its payload")));
  EXPECT_THAT(
      ReadSamples(Put("{\"messageType\": \"UPDATE\", \"payload\": "
                      "\"YWJj\", \"payloadBytes\": \"70000\"}"),
                  1)
          .status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("3 of 70000")));
}

}  // namespace
}  // namespace weir
