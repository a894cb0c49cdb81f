#include "lib/frames/batch_writer.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/client/mutex.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using testing::AllOf;
using testing::HasSubstr;

BatchWriterOptions To(const std::string& address) {
  BatchWriterOptions options;
  options.address = address;
  return options;
}

std::vector<std::string> Messages(size_t n, size_t bytes) {
  std::vector<std::string> messages;
  for (size_t i = 0; i < n; ++i) {
    std::string message = absl::StrCat(i, " ");
    message.resize(bytes, 'x');
    messages.push_back(std::move(message));
  }
  return messages;
}

std::string FramesOf(const std::vector<std::string>& messages) {
  std::string frames;
  for (const std::string& message : messages) frames += FrameOf(message);
  return frames;
}

// More than two ends' buffers hold.
std::vector<std::string> TooManyToHold() { return Messages(12000, 4000); }

// A batch on its way, in a thread of its own.
class Written {
 public:
  Written(BatchWriter* writer, const std::vector<std::string>& messages)
      : thread_([this, writer, &messages] {
          result_ = writer->Write(messages);
          done_.store(true);
        }) {}
  ~Written() {
    if (thread_.joinable()) thread_.join();
  }
  bool done() const { return done_.load(); }
  BatchWriter::Result Await() {
    thread_.join();
    return result_;
  }

 private:
  BatchWriter::Result result_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST(BatchWriterTest, ABatchThatThePeersKernelHasHasArrived) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  const std::vector<std::string> messages = {"a", "", "hello",
                                             std::string(4096, 'x')};
  // The kernel accepts, and acknowledges, before the program does.
  BatchWriter::Result result = writer.Write(messages);
  EXPECT_THAT(result.error, IsOk());
  EXPECT_EQ(result.arrived, messages.size());
  result = writer.Write(std::vector<std::string>{"again"});
  EXPECT_EQ(result.arrived, 1);
  RawTcp peer = server.Accept();
  const std::string want = FramesOf(messages) + FrameOf("again");
  EXPECT_EQ(peer.Read(want.size()), want);
}

TEST(BatchWriterTest, ABatchThatIsNotReadHasNotArrived) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  const std::vector<std::string> messages = TooManyToHold();
  Written written(&writer, messages);
  RawTcp peer = server.Accept();
  // Otherwise it grows as it is read, to what is left.
  const int buffer = 64 << 10;
  setsockopt(peer.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  const std::string want = FramesOf(messages);
  const size_t half = want.size() / 2;
  EXPECT_EQ(peer.Read(half), want.substr(0, half));
  EXPECT_FALSE(written.done());
  EXPECT_EQ(peer.Read(want.size() - half), want.substr(half));
  EXPECT_EQ(written.Await().arrived, messages.size());
}

// The kernel takes all of it at once, and the peer's a part.
TEST(BatchWriterTest, ABatchThatTheOwnKernelAloneHasHasNotArrived) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  const std::vector<std::string> messages = Messages(250, 4000);
  Written written(&writer, messages);
  RawTcp peer = server.Accept();
  ASSERT_TRUE(Eventually([&] {
    int bytes = 0;
    return ioctl(peer.fd(), FIONREAD, &bytes) == 0 && bytes > 32 << 10;
  }));
  EXPECT_FALSE(written.done());
  peer.Reset();
  const BatchWriter::Result result = written.Await();
  EXPECT_THAT(result.error,
              StatusIs(absl::StatusCode::kUnavailable, testing::_));
  EXPECT_EQ(result.arrived, 0);
}

// Who counts what the kernel took loses what the peer's had not given to its
// program; who counts what was acknowledged loses a part of it.
TEST(BatchWriterTest, ABatchWhosePeerResetsIsToBeSentAgainWhole) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  const std::vector<std::string> messages = TooManyToHold();
  const std::string want = FramesOf(messages);
  {
    Written written(&writer, messages);
    RawTcp peer = server.Accept();
    EXPECT_EQ(peer.Read(5000), want.substr(0, 5000));
    peer.Reset();
    const BatchWriter::Result result = written.Await();
    EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kUnavailable,
                                       AllOf(HasSubstr(server.address()),
                                             HasSubstr("reset"))));
    EXPECT_EQ(result.arrived, 0);
    EXPECT_TRUE(result.connected);
  }
  Written again(&writer, messages);
  RawTcp peer = server.Accept();
  // From the beginning of a frame.
  EXPECT_EQ(peer.Read(want.size()), want);
  EXPECT_EQ(again.Await().arrived, messages.size());
}

TEST(BatchWriterTest, APeerThatHasClosedIsNoticedBeforeTheNextBatch) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  EXPECT_EQ(writer.Write(std::vector<std::string>{"one"}).arrived, 1);
  {
    RawTcp peer = server.Accept();
    EXPECT_EQ(peer.Read(6), FrameOf("one"));
  }
  const std::vector<std::string> two = {"two"};
  EXPECT_EQ(writer.Write(two).arrived, 1);
  RawTcp peer = server.Accept();
  EXPECT_EQ(peer.Read(6), FrameOf("two"));
}

// As a peer does that serves one batch for each connection.
TEST(BatchWriterTest, WhatWasReadBeforeThePeerClosedHasArrived) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  for (int i = 0; i < 10; ++i) {
    const std::vector<std::string> messages = Messages(100, 1000);
    const std::string want = FramesOf(messages);
    Written written(&writer, messages);
    {
      RawTcp peer = server.Accept();
      ASSERT_EQ(peer.Read(want.size()), want);
    }
    const BatchWriter::Result result = written.Await();
    EXPECT_THAT(result.error, IsOk());
    EXPECT_EQ(result.arrived, messages.size());
  }
}

TEST(BatchWriterTest, WhatArrivedBeforeAnInterruptionIsCounted) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  const std::vector<std::string> messages = TooManyToHold();
  Written written(&writer, messages);
  RawTcp peer = server.Accept();
  const std::string all = FramesOf(messages);
  EXPECT_EQ(peer.Read(100000), all.substr(0, 100000));
  writer.Interrupt();
  const BatchWriter::Result result = written.Await();
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kCancelled, testing::_));
  EXPECT_LT(result.arrived, messages.size());
  EXPECT_GE(result.arrived, 100000 / 4003);
  // The peer has those, and maybe more, which come again.
  const std::string rest = peer.Read(all.size());
  EXPECT_GE(100000 + rest.size(), result.arrived * 4003);
  EXPECT_EQ(rest, all.substr(100000, rest.size()));
  EXPECT_THAT(writer.Write(messages).error,
              StatusIs(absl::StatusCode::kCancelled, testing::_));
}

TEST(BatchWriterTest, NobodyWhoListensIsSaidWithTheAddress) {
  std::string address;
  {
    const RawTcpServer server;
    address = server.address();
  }
  BatchWriter writer(To(address));
  const BatchWriter::Result result =
      writer.Write(std::vector<std::string>{"one"});
  EXPECT_THAT(result.error,
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(address), HasSubstr("refused"))));
  EXPECT_FALSE(result.connected);
  EXPECT_EQ(result.arrived, 0);
}

TEST(BatchWriterTest, RefusesAnOversizeMessageBeforeWriting) {
  RawTcpServer server;
  BatchWriterOptions options = To(server.address());
  options.max_message_size = 255;
  BatchWriter writer(options);
  const BatchWriter::Result result =
      writer.Write(std::vector<std::string>{"small", std::string(256, 'x')});
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("256 bytes")));
  EXPECT_EQ(result.arrived, 0);
  EXPECT_EQ(writer.Write(std::vector<std::string>{"small"}).arrived, 1);
  RawTcp peer = server.Accept();
  EXPECT_EQ(peer.Read(7), FrameOf("small", 255));
}

// One that only sends cannot keep it, nor make the connection break.
TEST(BatchWriterTest, ThrowsAwayWhatThePeerSays) {
  RawTcpServer server;
  BatchWriter writer(To(server.address()));
  EXPECT_EQ(writer.Write(std::vector<std::string>{"one"}).arrived, 1);
  RawTcp peer = server.Accept();
  std::thread talks([&peer] { peer.Send(std::string(8 << 20, '\xff')); });
  std::string want = FrameOf("one");
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(writer.Write(std::vector<std::string>{"more"}).arrived, 1);
    want += FrameOf("more");
  }
  EXPECT_EQ(peer.Read(want.size()), want);
  peer.EndSending();
  // Reads what is left, for the thread to end.
  writer.Write(std::vector<std::string>{"last"});
  peer.Reset();
  talks.join();
}

TEST(BatchWriterTest, SaysOnceThatAPeerDoesNotRead) {
  RawTcpServer server;
  BatchWriterOptions options = To(server.address());
  options.stall = absl::Milliseconds(20);
  client::Mutex mu;
  std::vector<std::string> lines;
  options.log = [&](absl::string_view line) {
    client::MutexLock lock(&mu);
    lines.emplace_back(line);
  };
  const auto logged = [&] {
    client::MutexLock lock(&mu);
    return lines;
  };
  BatchWriter writer(options);
  const std::vector<std::string> messages = TooManyToHold();
  Written written(&writer, messages);
  RawTcp peer = server.Accept();
  ASSERT_TRUE(Eventually([&] { return logged().size() == 1; }));
  EXPECT_THAT(logged()[0],
              AllOf(HasSubstr(server.address()), HasSubstr("does not read; ")));
  const std::string all = FramesOf(messages);
  EXPECT_EQ(peer.Read(all.size()), all);
  EXPECT_EQ(written.Await().arrived, messages.size());
  ASSERT_GE(logged().size(), 2);
  EXPECT_THAT(logged()[1], HasSubstr("reads again"));
}

}  // namespace
}  // namespace weir::frames
