#include "host/source/ris_live_source.h"

#include <zlib.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/source_error.h"
#include "host/sync/system_clock.h"
#include "tests/support/http_test_server.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// All frames until the first error, which goes into `end`.
std::vector<std::string> ReadAll(Source& source, absl::Status* end) {
  std::vector<std::string> frames;
  while (true) {
    FrameBatch batch;
    *end = source.Read(&batch);
    if (!end->ok()) return frames;
    EXPECT_THAT(batch.frames, Not(IsEmpty()));
    for (const auto frame : batch.frames) frames.emplace_back(frame);
  }
}

RisLiveOptions OptionsFor(const HttpTestServer& server) {
  return {.url = server.url(), .client = "test"};
}

class RisLiveSourceTest : public testing::Test {
 protected:
  SystemClock clock_;
  absl::Status end_;
};

TEST_F(RisLiveSourceTest, ReadsLinesHoweverTheyAreCutIntoChunks) {
  HttpTestServer server({ChunkedReply({"one\ntw", "o\n", "\nthr", "ee\r\n"})});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("one", "two", "three"));
  EXPECT_THAT(source.GetProgress().skipped_by_reason["empty"], 1u);
}

TEST_F(RisLiveSourceTest, CleanEndOfStreamIsAnErrorToTryAgainAfter) {
  HttpTestServer server({ChunkedReply({"one\n"})});
  RisLiveSource source(OptionsFor(server), clock_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(source.Connect(), IsOk());
    EXPECT_THAT(ReadAll(source, &end_), ElementsAre("one"));
    EXPECT_THAT(end_, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("ended the stream")));
    EXPECT_EQ(GetSourceError(end_).kind, "end_of_stream");
  }
}

TEST_F(RisLiveSourceTest, DropsHalfALineWhenItIsCutOffAndCountsIt) {
  HttpTestServer server({ChunkedReply({"one\nhal"}, /*complete=*/false),
                         ChunkedReply({"two\n"})});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("one"));
  EXPECT_EQ(GetSourceError(end_).kind, "end_of_stream");
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("two"));
  EXPECT_THAT(source.GetProgress().skipped_by_reason["partial"], 1u);
}

TEST_F(RisLiveSourceTest, AsksForJsonAsItsClientAndForItsSubscription) {
  HttpTestServer server({ChunkedReply({})});
  RisLiveOptions options = OptionsFor(server);
  options.subscribe = R"({"host":"rrc16"})";
  RisLiveSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  ASSERT_THAT(server.requests(), SizeIs(1));
  EXPECT_THAT(
      server.requests()[0],
      AllOf(StartsWith("GET /stream/?format=json&client=test HTTP/1.1\r\n"),
            HasSubstr("X-RIS-Subscribe: {\"host\":\"rrc16\"}\r\n"),
            HasSubstr("Accept-Encoding: "), HasSubstr("gzip")));
}

TEST_F(RisLiveSourceTest, UnpacksGzip) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  HttpTestServer server({ChunkedReply({Gzip(text)}, /*complete=*/true,
                                      "Content-Encoding: gzip\r\n")});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  const std::vector<std::string> lines = ReadAll(source, &end_);
  ASSERT_THAT(lines, SizeIs(20'000));
  EXPECT_EQ(lines[19'999], "line 19999");
}

TEST_F(RisLiveSourceTest, BrokenGzipIsAProtocolError) {
  HttpTestServer server({ChunkedReply({"this is not gzip\n"}, true,
                                      "Content-Encoding: gzip\r\n")});
  RisLiveSource source(OptionsFor(server), clock_);
  end_ = source.Connect();
  if (end_.ok()) {
    EXPECT_THAT(ReadAll(source, &end_), IsEmpty());
  }
  EXPECT_TRUE(absl::IsUnavailable(end_)) << end_;
  EXPECT_EQ(GetSourceError(end_).kind, "protocol");
}

TEST_F(RisLiveSourceTest, SkipsALineThatUnpacksToFarMoreThanTheLimit) {
  HttpTestServer server(
      {ChunkedReply({Gzip(std::string(40 << 20, 'x') + "\nafter\n")}, true,
                    "Content-Encoding: gzip\r\n")});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("after"));
  EXPECT_THAT(source.GetProgress().skipped_by_reason["too_long"], 1u);
}

TEST_F(RisLiveSourceTest, TellsErrorsToRetryFromThoseThatStay) {
  struct Case {
    const char* why;
    const char* status;
    absl::StatusCode code;
    const char* kind;
    int http;
  };
  using enum absl::StatusCode;
  for (const Case& c : std::vector<Case>{
           {"a broken server", "500 Oops", kUnavailable, "http_status", 500},
           {"a restarting one", "503 Later", kUnavailable, "http_status", 503},
           {"too many of us", "429 Slow", kUnavailable, "http_status", 429},
           {"not modified", "304 Same", kUnavailable, "http_status", 304},
           {"no token", "401 Who", kPermissionDenied, "auth", 401},
           {"a wrong one", "403 No", kPermissionDenied, "auth", 403},
           {"a wrong path", "404 Where", kNotFound, "http_status", 404},
       }) {
    HttpTestServer server({StatusReply(c.status)});
    RisLiveSource source(OptionsFor(server), clock_);
    EXPECT_THAT(source.Connect(),
                AllOf(StatusIs(c.code, HasSubstr(absl::StrCat(c.http)))))
        << c.why;
    const SourceError error = GetSourceError(source.Connect());
    EXPECT_EQ(error.kind, c.kind) << c.why;
    EXPECT_EQ(error.http_status, c.http) << c.why;
  }
}

TEST_F(RisLiveSourceTest, FollowsARedirect) {
  HttpTestServer target({ChunkedReply({"here\n"})});
  HttpTestServer server({StatusReply(
      "302 Found", absl::StrCat("Location: ", target.url(), "\r\n"))});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("here"));
}

TEST_F(RisLiveSourceTest, GivesUpARedirectLoopForNow) {
  HttpTestServer server({StatusReply("302 Found", "Location: /stream/\r\n")});
  RisLiveSource source(OptionsFor(server), clock_);
  end_ = source.Connect();
  EXPECT_THAT(
      end_, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("5 redirects")));
  EXPECT_EQ(GetSourceError(end_).kind, "http_status");
  EXPECT_THAT(server.requests(), SizeIs(6));
}

TEST_F(RisLiveSourceTest, FollowsNoRedirectToAnotherProtocol) {
  HttpTestServer server(
      {StatusReply("302 Found", "Location: file:///etc/passwd\r\n")});
  RisLiveSource source(OptionsFor(server), clock_);
  EXPECT_TRUE(absl::IsUnavailable(source.Connect()));
}

TEST_F(RisLiveSourceTest, BadUrlIsFinal) {
  RisLiveSource source({.url = "ftp://host/"}, clock_);
  EXPECT_THAT(source.Connect(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("\"ftp\"")));
}

TEST_F(RisLiveSourceTest, SubscriptionThatSmugglesAHeaderIsRefused) {
  RisLiveSource source({.subscribe = "{}\r\nHost: other"}, clock_);
  EXPECT_THAT(source.Connect(), StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("control character")));
}

TEST_F(RisLiveSourceTest, RefusedConnectionIsToBeTriedAgain) {
  std::string url;
  {
    const HttpTestServer gone({StatusReply("200 OK")});
    url = gone.url();
  }
  RisLiveSource source({.url = url}, clock_);
  end_ = source.Connect();
  EXPECT_TRUE(absl::IsUnavailable(end_)) << end_;
  EXPECT_EQ(GetSourceError(end_).kind, "connect");
}

TEST_F(RisLiveSourceTest, ServerWithoutTlsIsATlsError) {
  HttpTestServer server({StatusReply("200 OK")});
  RisLiveSource source({.url = absl::StrCat("https://", server.host(), "/")},
                       clock_);
  end_ = source.Connect();
  EXPECT_TRUE(absl::IsUnavailable(end_)) << end_;
  EXPECT_EQ(GetSourceError(end_).kind, "tls");
}

TEST_F(RisLiveSourceTest, MissingCaFileIsFinal) {
  HttpTestServer server({StatusReply("200 OK")});
  RisLiveSource source({.url = absl::StrCat("https://", server.host(), "/"),
                        .ca_file = "/nonexistent/ca.pem"},
                       clock_);
  end_ = source.Connect();
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("ca_file")));
  EXPECT_EQ(GetSourceError(end_).kind, "tls");
}

TEST_F(RisLiveSourceTest, ReadTimeoutEndsAStreamThatStalls) {
  HttpReply stalls = ChunkedReply({"one\n"}, /*complete=*/false);
  stalls.stall = true;
  HttpTestServer server({stalls});
  RisLiveOptions options = OptionsFor(server);
  options.read_timeout = absl::Milliseconds(50);
  RisLiveSource source(options, clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre("one"));
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kUnavailable,
                             HasSubstr("no byte within 50ms")));
  EXPECT_EQ(GetSourceError(end_).kind, "read_timeout");
}

TEST_F(RisLiveSourceTest, ConnectTimeoutEndsASlowHeader) {
  HttpTestServer server(
      {{.pieces = {"HTTP/1.1 200 OK\r\nServer: slow"}, .stall = true}});
  RisLiveOptions options = OptionsFor(server);
  options.connect_timeout = absl::Milliseconds(50);
  RisLiveSource source(options, clock_);
  end_ = source.Connect();
  EXPECT_TRUE(absl::IsUnavailable(end_)) << end_;
  EXPECT_EQ(GetSourceError(end_).kind, "connect");
}

TEST_F(RisLiveSourceTest, InterruptEndsAReadAndAConnect) {
  HttpReply stalls = ChunkedReply({}, /*complete=*/false);
  stalls.stall = true;
  HttpTestServer server({stalls, {.pieces = {}, .stall = true}});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  for (const bool connect : {false, true}) {
    std::thread thread([&] { source.Interrupt(); });
    FrameBatch batch;
    end_ = connect ? source.Connect() : source.Read(&batch);
    EXPECT_TRUE(absl::IsCancelled(end_)) << end_;
    thread.join();
    EXPECT_TRUE(absl::IsCancelled(source.Connect())) << "and so from then on";
    source.Rearm();
  }
}

TEST_F(RisLiveSourceTest, Line64KiBLongPassesAndOneOf3MiBIsSkipped) {
  const std::string long_line(64 << 10, 'x'), too_long(3 << 20, 'y');
  HttpTestServer server(
      {ChunkedReply({long_line + "\n" + too_long + "\nafter\n"})});
  RisLiveSource source(OptionsFor(server), clock_);
  ASSERT_THAT(source.Connect(), IsOk());
  EXPECT_THAT(ReadAll(source, &end_), ElementsAre(long_line, "after"));
  EXPECT_THAT(source.GetProgress().skipped_by_reason["too_long"], 1u);
}

TEST_F(RisLiveSourceTest, HandsOverNoMoreThanABatchAtOnceAndLosesNothing) {
  const std::string line(999, 'x');
  std::string body;
  for (int i = 0; i < 5'000; ++i) absl::StrAppend(&body, line, "\n");
  for (const HttpReply& reply :
       {ChunkedReply({body}), ChunkedReply({Gzip(body)}, /*complete=*/true,
                                           "Content-Encoding: gzip\r\n")}) {
    HttpTestServer server({reply});
    RisLiveSource source(OptionsFor(server), clock_);
    ASSERT_THAT(source.Connect(), IsOk());
    size_t frames = 0;
    while (true) {
      FrameBatch batch;
      if (end_ = source.Read(&batch); !end_.ok()) break;
      frames += batch.frames.size();
      EXPECT_LE(batch.frames.size() * 1000, Source::kBatchBytes + 1000);
    }
    EXPECT_EQ(frames, 5'000u);
    EXPECT_EQ(GetSourceError(end_).kind, "end_of_stream") << end_;
  }
}

TEST_F(RisLiveSourceTest, DescribesItselfWithoutCredentials) {
  const RisLiveSource source({.url = "https://me:secret@h/s?token=t"}, clock_);
  EXPECT_EQ(source.description().endpoint, "https://h/s");
  EXPECT_TRUE(source.description().flow_control);
  EXPECT_FALSE(source.description().resumes);
}

}  // namespace
}  // namespace weir
