#include "lib/frames/writer.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/client/mutex.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/frame_parser.h"
#include "lib/frames/writer_options.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

WriterOptions To(const std::string& address) {
  WriterOptions options;
  options.address = address;
  options.backoff = {absl::Milliseconds(1), absl::Milliseconds(20)};
  return options;
}

// Once the connection broke, the next attempt is in an hour.
WriterOptions OnceTo(const std::string& address) {
  WriterOptions options = To(address);
  options.backoff = {absl::Hours(1), absl::Hours(1)};
  return options;
}

std::unique_ptr<Writer> Dialled(WriterOptions options) {
  absl::StatusOr<std::unique_ptr<Writer>> writer =
      Writer::Dial(std::move(options));
  EXPECT_THAT(writer, IsOk());
  return std::move(*writer);
}

// Reads frames from a connection until there are `n`, or it ends.
std::vector<std::string> ReadFrames(RawTcp* from, size_t n, uint32_t max = 0) {
  FrameParser parser({.max_message_size = max});
  std::vector<std::string> frames;
  std::vector<char> piece(1 << 16);
  FrameList list;
  while (frames.size() < n) {
    const ssize_t got = recv(from->fd(), piece.data(), piece.size(), 0);
    if (got <= 0) break;
    list.Clear();
    parser.Feed(absl::string_view(piece.data(), static_cast<size_t>(got)),
                &list);
    for (const absl::string_view frame : list.frames) {
      frames.emplace_back(frame);
    }
  }
  return frames;
}

// Fills the kernel's buffers with messages that nobody reads. Returns how many
// the writer has taken.
size_t PostUntilHeldUp(Writer* writer, const std::string& message) {
  size_t posted = 0;
  while (posted < 4000 || writer->GetStats().unsent_bytes < 1 << 20) {
    if (!writer->Post(absl::StrCat(posted, message)).ok()) break;
    ++posted;
  }
  return posted;
}

TEST(WriterTest, WriteReturnsTheBytesWithTheHeader) {
  RawTcpServer server;
  const auto writer = Dialled(To(server.address()));
  RawTcp peer = server.Accept();
  EXPECT_THAT(writer->Write(""), IsOkAndHolds(3));
  EXPECT_THAT(writer->Write("hello"), IsOkAndHolds(8));
  EXPECT_THAT(writer->Write(std::string(4096, 'x')), IsOkAndHolds(4099));
  EXPECT_EQ(peer.Read(3 + 8 + 4099),
            FrameOf("") + FrameOf("hello") + FrameOf(std::string(4096, 'x')));
  EXPECT_EQ(writer->GetStats().frames_sent, 3);
}

// The original sends it, and the listener dies of it, or it dies itself.
TEST(WriterTest, RefusesAnOversizeMessageBeforeWritingAndGoesOn) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  options.max_message_size = 255;
  const auto writer = Dialled(options);
  RawTcp peer = server.Accept();
  for (const size_t size : {256, 8191, 8192, 100000}) {
    EXPECT_THAT(writer->Write(std::string(size, 'x')),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat(size, " bytes"))));
    EXPECT_THAT(writer->Post(std::string(size, 'x')),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("nothing was sent")));
  }
  EXPECT_THAT(writer->Write(std::string(255, 'y')), IsOkAndHolds(257));
  EXPECT_EQ(peer.Read(257), FrameOf(std::string(255, 'y'), 255));
}

TEST(WriterTest, DialSaysWhyItCannot) {
  uint16_t port = 0;
  {
    const RawTcpServer server;
    port = server.port();
  }
  const std::string nobody = absl::StrCat(LoopbackHost(), ":", port);
  EXPECT_THAT(
      Writer::Dial(To(nobody)),
      StatusIs(absl::StatusCode::kUnavailable,
               testing::AllOf(HasSubstr(nobody), HasSubstr("refused"))));
  EXPECT_THAT(
      Writer::Dial(To("nothing")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host:port")));
}

// 16 threads, both ways of writing: the original loses one and duplicates
// another.
TEST(WriterTest, ConcurrentWritersLoseAndDuplicateNothing) {
  RawTcpServer server;
  const auto writer = Dialled(To(server.address()));
  RawTcp peer = server.Accept();
  constexpr size_t kThreads = 16, kEach = 3000;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&writer, t] {
      for (size_t n = 0; n < kEach; ++n) {
        const std::string message = absl::StrCat(t, " ", n);
        const absl::StatusOr<size_t> written =
            t % 2 == 0 ? writer->Post(message) : writer->Write(message);
        ASSERT_THAT(written, IsOkAndHolds(message.size() + 3));
      }
    });
  }
  std::vector<size_t> next(kThreads);
  for (const std::string& frame : ReadFrames(&peer, kThreads * kEach)) {
    const size_t space = frame.find(' ');
    size_t t = 0, n = 0;
    ASSERT_TRUE(absl::SimpleAtoi(frame.substr(0, space), &t));
    ASSERT_TRUE(absl::SimpleAtoi(frame.substr(space + 1), &n));
    // Each thread's are in order, so there is none twice and none is missing.
    ASSERT_EQ(n, next[t]++) << "of thread " << t;
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) EXPECT_EQ(next[t], kEach);
  EXPECT_LT(writer->GetStats().send_calls, kThreads * kEach);
}

// The first failing write of the original's first release returns success.
TEST(WriterTest, TheFirstWriteAfterAResetReturnsTheError) {
  RawTcpServer server;
  const auto writer = Dialled(OnceTo(server.address()));
  RawTcp peer = server.Accept();
  ASSERT_THAT(writer->Write("a"), IsOk());
  EXPECT_EQ(peer.Read(4), FrameOf("a"));
  peer.Reset();
  EXPECT_THAT(writer->Write("b"), StatusIs(absl::StatusCode::kUnavailable,
                                           HasSubstr(server.address())));
  EXPECT_EQ(writer->GetStats().frames_sent, 1);
}

// The original's write succeeds, and its message is lost.
TEST(WriterTest, AWriteAfterThePeerClosedCleanlyIsAnErrorAndNotLost) {
  RawTcpServer server;
  const auto writer = Dialled(OnceTo(server.address()));
  { const RawTcp peer = server.Accept(); }
  EXPECT_THAT(writer->Write("a"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed")));
}

// The original never does.
TEST(WriterTest, ConnectsAgainByItselfAndSendsWhatWaitedInOrder) {
  auto server = std::make_unique<RawTcpServer>();
  const uint16_t port = server->port();
  const auto writer = Dialled(To(server->address()));
  {
    RawTcp peer = server->Accept();
    ASSERT_THAT(writer->Post("first"), IsOk());
    ASSERT_EQ(peer.Read(8), FrameOf("first"));
    server.reset();
  }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  ASSERT_TRUE(
      Eventually([&] { return writer->GetStats().connect_failures > 2; }));
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(writer->Post(absl::StrCat(i)), IsOk());
  }
  EXPECT_EQ(writer->GetStats().unsent_frames, 100);
  RawTcpServer again(port);
  RawTcp peer = again.Accept();
  const std::vector<std::string> got = ReadFrames(&peer, 100);
  ASSERT_EQ(got.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(got[i], absl::StrCat(i));
  EXPECT_THAT(writer->Write("and Write does, too"), IsOk());
}

// The connection breaks in the middle of a frame: the next has it whole, and
// what the kernel had not taken comes behind it, each once and in order.
TEST(WriterTest, NothingIsHalfSentWhenTheConnectionBreaks) {
  RawTcpServer server;
  const auto writer = Dialled(To(server.address()));
  const std::string filling(3000, 'x');
  size_t posted = 0;
  {
    RawTcp peer = server.Accept();
    posted = PostUntilHeldUp(writer.get(), filling);
    ASSERT_TRUE(
        Eventually([&] { return writer->GetStats().bytes_sent > 1000; }));
    peer.Reset();
  }
  RawTcp peer = server.Accept();
  const uint64_t before = posted - writer->GetStats().unsent_frames;
  std::vector<std::string> got = ReadFrames(&peer, 1);
  ASSERT_THAT(got, Not(IsEmpty()));
  size_t first = 0;
  ASSERT_TRUE(absl::SimpleAtoi(got[0].substr(0, got[0].find('x')), &first))
      << "the first frame does not begin where a frame does";
  // `before` was read after some may have gone out on this connection.
  EXPECT_LE(first, before + got.size());
  EXPECT_GT(first, 0);
}

TEST(WriterTest, TheWholeRestComesInOrderAfterABreak) {
  RawTcpServer server;
  auto writer = Dialled(To(server.address()));
  const std::string filling(3000, 'x');
  size_t posted = 0;
  {
    RawTcp peer = server.Accept();
    posted = PostUntilHeldUp(writer.get(), filling);
    peer.Reset();
  }
  RawTcp peer = server.Accept();
  std::thread closes([&] { writer->Close(absl::Seconds(30)).IgnoreError(); });
  const std::vector<std::string> got = ReadFrames(&peer, posted);
  peer.Close();
  closes.join();
  ASSERT_THAT(got, Not(IsEmpty()));
  size_t next = 0;
  ASSERT_TRUE(absl::SimpleAtoi(got[0].substr(0, got[0].find('x')), &next));
  for (const std::string& frame : got) {
    ASSERT_EQ(frame, absl::StrCat(next++, filling));
  }
  EXPECT_EQ(next, posted) << "the last is missing";
  EXPECT_THAT(writer->TakeErrored(), IsEmpty());
}

TEST(WriterTest, UnsentIsKeptUpToItsLimit) {
  RawTcpServer server;
  WriterOptions options = OnceTo(server.address());
  options.max_unsent_bytes = 100;
  const auto writer = Dialled(options);
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(writer->Post("1234567"), IsOkAndHolds(10));
  }
  EXPECT_THAT(writer->Post("8"), StatusIs(absl::StatusCode::kResourceExhausted,
                                          HasSubstr("max_unsent_bytes")));
  EXPECT_EQ(writer->GetStats().unsent_bytes, 100);
  EXPECT_THAT(
      writer->Flush(absl::Milliseconds(1)),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("10 messages")));
}

TEST(WriterTest, PostWaitsForRoomIfItIsToldTo) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  options.max_unsent_bytes = 10000;
  options.wait_for_room = true;
  const auto writer = Dialled(options);
  RawTcp peer = server.Accept();
  constexpr size_t kMessages = 10000;
  std::thread posts([&] {
    for (size_t i = 0; i < kMessages; ++i) {
      ASSERT_THAT(writer->Post(std::string(1000, 'x')), IsOk());
      ASSERT_LE(writer->GetStats().unsent_bytes, 10000);
    }
  });
  EXPECT_EQ(ReadFrames(&peer, kMessages).size(), kMessages);
  posts.join();
}

TEST(WriterTest, CloseEndsAPostThatWaitsForRoom) {
  RawTcpServer server;
  WriterOptions options = OnceTo(server.address());
  options.max_unsent_bytes = 10;
  options.wait_for_room = true;
  const auto writer = Dialled(options);
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  ASSERT_THAT(writer->Post("1234567"), IsOk());
  absl::Status posted;
  std::thread posts([&] { posted = writer->Post("8").status(); });
  EXPECT_THAT(
      writer->Close(absl::ZeroDuration()),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("1 messages")));
  posts.join();
  EXPECT_THAT(posted, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("closed")));
  EXPECT_THAT(writer->TakeErrored(), ElementsAre("1234567"));
}

// The writer's own thread would wait for itself.
TEST(WriterTest, APostFromOnMessageIsRefusedWhereItWouldWaitForRoom) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  options.max_unsent_bytes = 10;
  options.wait_for_room = true;
  std::atomic<Writer*> self{nullptr};
  options.on_message = [&](absl::string_view) {
    EXPECT_THAT(self.load()->Post("1234567"), IsOkAndHolds(10));
    EXPECT_THAT(self.load()->Post("8"),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         HasSubstr("max_unsent_bytes")));
  };
  const auto writer = Dialled(options);
  self = writer.get();
  RawTcp peer = server.Accept();
  ASSERT_TRUE(peer.Send(FrameOf("hello")));
  EXPECT_EQ(peer.Read(10), FrameOf("1234567"));
}

TEST(WriterTest, CloseSaysHowManyWereNotSentAndHowManyAreLeft) {
  RawTcpServer server;
  WriterOptions options = OnceTo(server.address());
  options.max_errored_bytes = 10;
  const auto writer = Dialled(options);
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  for (const char* message : {"1234567", "2345678", "3456789"}) {
    ASSERT_THAT(writer->Post(message), IsOk());
  }
  EXPECT_THAT(
      writer->Close(absl::ZeroDuration()),
      StatusIs(absl::StatusCode::kDeadlineExceeded,
               HasSubstr("3 messages were not sent; TakeErrored has 1")));
  EXPECT_THAT(writer->TakeErrored(), ElementsAre("3456789"));
}

TEST(WriterTest, FlushDoesNotTakeForSentWhatCloseGaveUp) {
  RawTcpServer server;
  const auto writer = Dialled(To(server.address()));
  RawTcp peer = server.Accept();
  PostUntilHeldUp(writer.get(), std::string(1000, 'x'));
  absl::Status flushed;
  std::thread flushes([&] { flushed = writer->Flush(absl::Minutes(1)); });
  EXPECT_THAT(writer->Close(absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded, testing::_));
  flushes.join();
  const auto is_refused = StatusIs(absl::StatusCode::kUnavailable,
                                   HasSubstr("messages will not be sent"));
  EXPECT_THAT(flushed, is_refused);
  EXPECT_THAT(writer->Flush(absl::Minutes(1)), is_refused);
  writer->TakeErrored();
  EXPECT_THAT(writer->Flush(absl::Minutes(1)), IsOk());
}

TEST(WriterTest, GivesUpAfterSoManyAttemptsAndHandsOverWhatWaited) {
  auto server = std::make_unique<RawTcpServer>();
  const uint16_t port = server->port();
  WriterOptions options = To(server->address());
  options.max_attempts = 3;
  options.max_errored_bytes = 10;
  const auto writer = Dialled(options);
  { const RawTcp peer = server->Accept(); }
  server.reset();
  ASSERT_TRUE(Eventually([&] {
    writer->Post("123456").status().IgnoreError();
    return writer->GetStats().gave_up;
  }));
  const Writer::Stats stats = writer->GetStats();
  EXPECT_EQ(stats.connect_failures, 3);
  EXPECT_EQ(stats.errored_messages, 1);  // The last: two are over the limit.
  EXPECT_THAT(writer->TakeErrored(), ElementsAre("123456"));
  EXPECT_THAT(writer->TakeErrored(), IsEmpty());
  EXPECT_THAT(writer->Post("7"), StatusIs(absl::StatusCode::kUnavailable,
                                          HasSubstr("gave up after 3")));
  EXPECT_THAT(writer->Write("7"), StatusIs(absl::StatusCode::kUnavailable,
                                           HasSubstr("gave up after 3")));

  RawTcpServer again(port);
  EXPECT_THAT(writer->Reopen(), IsOk());
  RawTcp peer = again.Accept();
  ASSERT_TRUE(Eventually([&] { return writer->GetStats().connected; }));
  EXPECT_THAT(writer->Write("8"), IsOk());
  EXPECT_EQ(peer.Read(4), FrameOf("8"));
}

// The original's closes first, fails at that, and never dials.
TEST(WriterTest, ReopenConnectsAnewWhateverTheBackoffSays) {
  RawTcpServer server;
  const auto writer = Dialled(OnceTo(server.address()));
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  ASSERT_THAT(writer->Reopen(), IsOk());
  RawTcp second = server.Accept();
  ASSERT_TRUE(second.open());
  ASSERT_TRUE(Eventually([&] { return writer->GetStats().connected; }));
  ASSERT_THAT(writer->Write("a"), IsOk());
  EXPECT_EQ(second.Read(4), FrameOf("a"));

  // One that stands is made anew, too.
  ASSERT_THAT(writer->Reopen(), IsOk());
  RawTcp third = server.Accept();
  EXPECT_TRUE(third.open());
  EXPECT_TRUE(second.AwaitEnd());
}

TEST(WriterTest, TheLogMayAskForStatistics) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  std::atomic<Writer*> self{nullptr};
  std::atomic<uint64_t> breaks{0};
  options.log = [&](absl::string_view) {
    breaks = self.load()->GetStats().breaks;
  };
  const auto writer = Dialled(options);
  self = writer.get();
  { const RawTcp peer = server.Accept(); }
  EXPECT_TRUE(Eventually([&] { return breaks == 1; }));
}

// Reopen promises an attempt that begins after it.
TEST(WriterTest, ReopenDuringTheLastAttemptIsNotForgotten) {
  auto server = std::make_unique<RawTcpServer>();
  WriterOptions options = To(server->address());
  options.max_attempts = 1;
  std::atomic<Writer*> self{nullptr};
  std::atomic<bool> reopened{false};
  options.log = [&](absl::string_view line) {
    if (absl::StrContains(line, "cannot connect") && !reopened.exchange(true)) {
      EXPECT_THAT(self.load()->Reopen(), IsOk());
    }
  };
  const auto writer = Dialled(options);
  self = writer.get();
  { const RawTcp peer = server->Accept(); }
  server.reset();
  EXPECT_TRUE(
      Eventually([&] { return writer->GetStats().connect_failures == 2; }));
  EXPECT_TRUE(Eventually([&] { return writer->GetStats().gave_up; }));
}

TEST(WriterTest, APatientWriteWaitsForTheNextConnection) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  options.write_patience = absl::Seconds(30);
  const auto writer = Dialled(options);
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return writer->GetStats().breaks == 1; }));
  EXPECT_THAT(writer->Write("hello"), IsOkAndHolds(8));
  RawTcp peer = server.Accept();
  EXPECT_EQ(peer.Read(8), FrameOf("hello"));
}

TEST(WriterTest, APatientWriteFailsWhenItsPatienceEndsAndIsNotSentLater) {
  RawTcpServer server;
  WriterOptions options = OnceTo(server.address());
  options.write_patience = absl::Milliseconds(10);
  const auto writer = Dialled(options);
  { const RawTcp peer = server.Accept(); }
  ASSERT_TRUE(Eventually([&] { return !writer->GetStats().connected; }));
  EXPECT_THAT(writer->Write("late"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed")));
  EXPECT_EQ(writer->GetStats().unsent_bytes, 0);
  ASSERT_THAT(writer->Post("after"), IsOk());
  ASSERT_THAT(writer->Reopen(), IsOk());
  RawTcp peer = server.Accept();
  EXPECT_EQ(peer.Read(8), FrameOf("after"));
}

TEST(WriterTest, CloseSendsWhatWaitsAndThenEnds) {
  RawTcpServer server;
  const auto writer = Dialled(To(server.address()));
  RawTcp peer = server.Accept();
  for (int i = 0; i < 5000; ++i) {
    ASSERT_THAT(writer->Post(absl::StrCat(i)), IsOk());
  }
  std::vector<std::string> got;
  std::thread reads([&] {
    got = ReadFrames(&peer, 5001);  // Until the end.
    peer.Close();
  });
  EXPECT_THAT(writer->Close(absl::Seconds(30)), IsOk());
  reads.join();
  EXPECT_EQ(got.size(), 5000);
  EXPECT_THAT(writer->Write("x"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("")));
  EXPECT_THAT(writer->Post("x"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("")));
  EXPECT_THAT(writer->Reopen(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("")));
  EXPECT_THAT(writer->Close(absl::Seconds(30)), IsOk());
}

TEST(WriterTest, TakesWhatThePeerSendsBack) {
  RawTcpServer server;
  WriterOptions options = To(server.address());
  client::Mutex mu;
  std::vector<std::string> replies;
  options.on_message = [&](absl::string_view message) {
    client::MutexLock lock(&mu);
    replies.emplace_back(message);
  };
  const auto writer = Dialled(options);
  RawTcp peer = server.Accept();
  ASSERT_TRUE(peer.Send(FrameOf("one") + FrameOf("two")));
  EXPECT_TRUE(Eventually([&] { return writer->GetStats().received == 2; }));
  {
    client::MutexLock lock(&mu);
    EXPECT_THAT(replies, ElementsAre("one", "two"));
  }
  ASSERT_TRUE(peer.Send(Hex("010000")));
  EXPECT_TRUE(Eventually([&] { return writer->GetStats().breaks == 1; }));
  EXPECT_THAT(writer->GetStats().last_error, HasSubstr("negative"));
}

TEST(WriterTest, OpenDoesNotWaitForTheFirstConnection) {
  uint16_t port = 0;
  {
    const RawTcpServer server;
    port = server.port();
  }
  absl::StatusOr<std::unique_ptr<Writer>> writer =
      Writer::Open(To(absl::StrCat(LoopbackHost(), ":", port)));
  ASSERT_THAT(writer, IsOk());
  ASSERT_THAT((*writer)->Post("a"), IsOk());
  EXPECT_THAT((*writer)->Write("b"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  RawTcpServer server(port);
  RawTcp peer = server.Accept();
  EXPECT_EQ(peer.Read(4), FrameOf("a"));
}

}  // namespace
}  // namespace weir::frames
