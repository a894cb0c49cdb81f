#include "host/source/frame_tcp_source.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/source_error.h"
#include "host/sync/system_clock.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using frames::FrameOf;
using frames::Hex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class FrameTcpSourceTest : public testing::Test {
 protected:
  static FrameTcpOptions Listening() {
    FrameTcpOptions options;
    options.listen = {LoopbackHost() + ":0"};
    return options;
  }

  void Open(FrameTcpOptions options) {
    source_ = std::make_unique<FrameTcpSource>(std::move(options), clock_);
    ASSERT_THAT(source_->Connect(), IsOk());
  }

  std::string Address() const {
    return source_->GetProgress().details.at("listening");
  }
  uint64_t Counter(const std::string& name) const {
    const auto counters = source_->GetProgress().counters;
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }

  // Reads until there are so many frames, or an error, which it returns.
  absl::Status ReadUntil(size_t count) {
    while (frames_.size() < count) {
      FrameBatch batch;
      if (absl::Status status = source_->Read(&batch); !status.ok()) {
        return status;
      }
      largest_batch_ = std::max(largest_batch_, batch.frames.size());
      for (const absl::string_view frame : batch.frames) {
        frames_.emplace_back(frame);
      }
    }
    return absl::OkStatus();
  }

  SystemClock clock_;
  std::unique_ptr<FrameTcpSource> source_;
  std::vector<std::string> frames_;
  size_t largest_batch_ = 0;
};

TEST_F(FrameTcpSourceTest, ReadsFramesOfAllWhoConnect) {
  Open(Listening());
  RawTcp one(Address()), two(Address());
  one.Send(FrameOf("one") + FrameOf("one more"));
  two.Send(FrameOf("two"));
  ASSERT_THAT(ReadUntil(3), IsOk());
  EXPECT_THAT(frames_, UnorderedElementsAre("one", "one more", "two"));
  EXPECT_EQ(source_->GetProgress().connections, 2);
  EXPECT_EQ(Counter("accepted"), 2);
}

TEST_F(FrameTcpSourceTest, SaysWhatItIs) {
  FrameTcpOptions options = Listening();
  options.listen.push_back(LoopbackHost() + ":0");
  Open(options);
  EXPECT_EQ(source_->description().kind, "frame_tcp");
  EXPECT_EQ(source_->description().endpoint,
            absl::StrCat(LoopbackHost(), ":0,", LoopbackHost(), ":0"));
  EXPECT_TRUE(source_->description().flow_control);
  EXPECT_FALSE(source_->description().resumes);
  const std::string both = Address();
  RawTcp first(both.substr(0, both.find(',')));
  RawTcp second(both.substr(both.find(',') + 1));
  first.Send(FrameOf("1"));
  second.Send(FrameOf("2"));
  EXPECT_THAT(ReadUntil(2), IsOk());
}

TEST_F(FrameTcpSourceTest, ManyFramesAreOneBatch) {
  Open(Listening());
  RawTcp peer(Address());
  std::string many;
  for (int i = 0; i < 20000; ++i) many += FrameOf(absl::StrCat(i));
  std::thread sends([&] { peer.Send(many); });
  ASSERT_THAT(ReadUntil(20000), IsOk());
  sends.join();
  for (int i = 0; i < 20000; ++i) ASSERT_EQ(frames_[i], absl::StrCat(i));
  EXPECT_GT(largest_batch_, 100);
}

TEST_F(FrameTcpSourceTest, FramesLongerThanATurnComeWhole) {
  FrameTcpOptions options = Listening();
  options.max_message_size = 1 << 20;
  Open(options);
  RawTcp peer(Address());
  const std::string payload(1 << 20, 'x');
  std::thread sends([&] {
    for (int i = 0; i < 5; ++i) peer.Send(FrameOf(payload, 1 << 20));
  });
  ASSERT_THAT(ReadUntil(5), IsOk());
  sends.join();
  for (const std::string& frame : frames_) EXPECT_TRUE(frame == payload);
}

TEST_F(FrameTcpSourceTest, EmptyFramesAreDeliveredIfItSaysSo) {
  Open(Listening());
  RawTcp peer(Address());
  peer.Send(FrameOf("") + FrameOf("a"));
  ASSERT_THAT(ReadUntil(1), IsOk());
  EXPECT_THAT(frames_, ElementsAre("a"));
  EXPECT_EQ(source_->GetProgress().skipped_by_reason["empty"], 1);

  FrameTcpOptions options = Listening();
  options.deliver_empty = true;
  Open(options);
  frames_.clear();
  RawTcp other(Address());
  other.Send(FrameOf("") + FrameOf("a"));
  ASSERT_THAT(ReadUntil(2), IsOk());
  EXPECT_THAT(frames_, ElementsAre("", "a"));
}

TEST_F(FrameTcpSourceTest, PayloadsThatAreTooLongForTheHostAreSkipped) {
  FrameTcpOptions options = Listening();
  options.max_payload_bytes = 100;
  Open(options);
  RawTcp peer(Address());
  peer.Send(FrameOf(std::string(101, 'x')));
  peer.Send(FrameOf(std::string(100, 'y')));
  ASSERT_THAT(ReadUntil(1), IsOk());
  EXPECT_EQ(frames_[0], std::string(100, 'y'));
  EXPECT_EQ(source_->GetProgress().skipped_by_reason["too_long"], 1);
  EXPECT_EQ(source_->GetProgress().connections, 1);
}

TEST_F(FrameTcpSourceTest, BadInputClosesItsConnectionAndTheSourceGoesOn) {
  struct Case {
    std::string bytes;
    const char* counter;
  };
  Open(Listening());
  RawTcp good(Address());
  size_t want = 0;
  for (const Case& c : std::vector<Case>{
           {Hex("824000"), "closed.too_long"},
           {Hex("010000"), "closed.negative"},
           {Hex("ffffff"), "closed.unterminated"},
           {FrameOf("hello\n", 255), "closed.header_class"},
       }) {
    RawTcp bad(Address());
    ASSERT_TRUE(bad.Send(c.bytes));
    std::thread reads([&] { EXPECT_THAT(ReadUntil(want + 1), IsOk()); });
    EXPECT_TRUE(bad.AwaitEnd()) << c.counter;
    ASSERT_TRUE(good.Send(FrameOf("good")));
    reads.join();
    ++want;
    EXPECT_EQ(Counter(c.counter), 1) << c.counter;
  }
  EXPECT_EQ(frames_.size(), want);
}

TEST_F(FrameTcpSourceTest, ConnectionsHaveALimitAndATime) {
  FrameTcpOptions options = Listening();
  options.max_connections = 1;
  options.idle_timeout = absl::Milliseconds(50);
  Open(options);
  RawTcp idle(Address());
  std::thread reads([&] { EXPECT_THAT(ReadUntil(1), IsOk()); });
  ASSERT_TRUE(Eventually([&] { return Counter("accepted") == 1; }));
  RawTcp refused(Address());
  EXPECT_TRUE(refused.AwaitEnd());
  EXPECT_TRUE(idle.AwaitEnd());
  RawTcp last(Address());
  last.Send(FrameOf("a"));
  reads.join();
  EXPECT_EQ(Counter("closed.refused"), 1);
  EXPECT_EQ(Counter("closed.idle_timeout"), 1);
}

// While nobody reads, a peer's writes block, and nothing is lost.
TEST_F(FrameTcpSourceTest, AFrameHasTheTimeThatItIsGiven) {
  FrameTcpOptions options = Listening();
  options.frame_timeout = absl::Milliseconds(100);
  Open(options);
  RawTcp slow(Address()), other(Address());
  slow.Send(FrameOf("half a frame").substr(0, 5));
  std::thread waits([&] {
    EXPECT_TRUE(slow.AwaitEnd());
    other.Send(FrameOf("goes on"));
  });
  EXPECT_THAT(ReadUntil(1), IsOk());
  waits.join();
  EXPECT_EQ(Counter("closed.frame_timeout"), 1);
}

TEST_F(FrameTcpSourceTest, AFileOfTlsThatIsNoneIsNamed) {
  FrameTcpOptions options = Listening();
  options.tls = frames::TlsOptions{.cert_file = "/no/such.pem",
                                   .key_file = "/no/such.key"};
  source_ = std::make_unique<FrameTcpSource>(options, clock_);
  EXPECT_THAT(source_->Connect(),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/no/such.pem: no certificate can be read")));
}

TEST_F(FrameTcpSourceTest, NotReadingHoldsPeersUp) {
  Open(Listening());
  RawTcp peer(Address());
  const std::string frame = FrameOf(std::string(4096, 'x'));
  size_t whole = 0, part = 0;
  while (part == 0) {
    const ssize_t sent = send(peer.fd(), frame.data(), frame.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(frame.size())) {
      ASSERT_LT(++whole, 100000) << "nothing holds it up";
      continue;
    }
    if (sent < 0) break;
    part = static_cast<size_t>(sent);
  }
  std::thread sends([&] { peer.Send(frame.substr(part)); });
  EXPECT_THAT(ReadUntil(whole + 1), IsOk());
  sends.join();
}

TEST_F(FrameTcpSourceTest, OneThatSendsMuchDoesNotKeepTheOthersWaiting) {
  Open(Listening());
  RawTcp much(Address()), little(Address());
  const std::string frame = FrameOf(std::string(4000, 'x'));
  std::thread floods([&] {
    while (much.Send(frame)) {
    }
  });
  ASSERT_THAT(ReadUntil(1000), IsOk());
  little.Send(FrameOf("little"));
  // It comes although the flood goes on.
  while (std::find(frames_.begin(), frames_.end(), "little") == frames_.end()) {
    ASSERT_LT(frames_.size(), 100000);
    ASSERT_THAT(ReadUntil(frames_.size() + 1), IsOk());
  }
  source_.reset();
  floods.join();
}

// As a handler that blocks has it read: a little, and then nothing for long.
// Whoever has something to say is heard before anybody is heard for the third
// time.
TEST_F(FrameTcpSourceTest, EachPeerHasItsTurnHoweverSlowlyItIsRead) {
  Open(Listening());
  const std::string frame = FrameOf(std::string(4000, 'x'));
  std::vector<RawTcp> floods;
  for (int i = 0; i < 3; ++i) {
    floods.emplace_back(Address());
    // As much as the kernel holds.
    while (send(floods.back().fd(), frame.data(), frame.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  // All are accepted, and none of the others has said anything.
  ASSERT_THAT(ReadUntil(1), IsOk());
  std::vector<RawTcp> quiet;
  for (int i = 0; i < 20; ++i) {
    quiet.emplace_back(Address());
    quiet.back().Send(FrameOf(absl::StrCat("quiet ", i)));
  }
  size_t before = 0, heard = 0, looked_at = frames_.size();
  while (heard < quiet.size()) {
    ASSERT_THAT(ReadUntil(frames_.size() + 1), IsOk());
    for (; looked_at < frames_.size(); ++looked_at) {
      if (absl::StartsWith(frames_[looked_at], "quiet ")) {
        ++heard;
      } else if (heard < quiet.size()) {
        before += frames_[looked_at].size();
      }
    }
    // They connect in the first round and are read in the second.
    ASSERT_LE(before, 3 * 2 * FrameTcpSource::kTurnBytes + Source::kBatchBytes);
  }
}

TEST_F(FrameTcpSourceTest, InterruptEndsReadAndKeepsConnections) {
  Open(Listening());
  RawTcp peer(Address());
  absl::Status status;
  std::thread reads([&] { status = ReadUntil(1); });
  ASSERT_TRUE(Eventually([&] { return Counter("accepted") == 1; }));
  source_->Interrupt();
  reads.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled, HasSubstr("")));
  EXPECT_THAT(source_->Connect(),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("")));
  peer.Send(FrameOf("sent while it was paused"));
  source_->Rearm();
  ASSERT_THAT(source_->Connect(), IsOk());
  ASSERT_THAT(ReadUntil(1), IsOk());
  EXPECT_THAT(frames_, ElementsAre("sent while it was paused"));
}

TEST_F(FrameTcpSourceTest, SaysWhyItCannotListen) {
  const RawTcpServer taken;
  FrameTcpOptions options;
  options.listen = {taken.address()};
  FrameTcpSource source(options, clock_);
  const absl::Status status = source.Connect();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
  EXPECT_EQ(GetSourceError(status).kind, SourceError::kConnect);
  EXPECT_EQ(source.GetProgress().connections, 0);

  options.listen = {"nothing"};
  EXPECT_THAT(
      FrameTcpSource(options, clock_).Connect(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host:port")));
}

TEST_F(FrameTcpSourceTest, ReadsFromAPeerThatItConnectsToAndConnectsAgain) {
  auto server = std::make_unique<RawTcpServer>();
  FrameTcpOptions options;
  options.connect = server->address();
  Open(options);
  EXPECT_EQ(source_->description().endpoint, server->address());
  for (int round = 1; round <= 2; ++round) {
    RawTcp peer = server->Accept();
    peer.Send(FrameOf(absl::StrCat("round ", round)));
    peer.Close();
    const absl::Status status = ReadUntil(100);
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended")));
    EXPECT_EQ(GetSourceError(status).kind, SourceError::kEndOfStream);
    if (round == 1) {
      ASSERT_THAT(source_->Connect(), IsOk());
    }
  }
  EXPECT_THAT(frames_, ElementsAre("round 1", "round 2"));
  server.reset();
  EXPECT_THAT(source_->Connect(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("refused")));
}

TEST_F(FrameTcpSourceTest, DescribesItsConnections) {
  Open(Listening());
  RawTcp peer(Address());
  peer.Send(FrameOf("12345"));
  ASSERT_THAT(ReadUntil(1), IsOk());
  const auto details = source_->GetProgress().details;
  ASSERT_EQ(details.size(), 2);
  const auto last = std::prev(details.end());
  EXPECT_TRUE(absl::StartsWith(last->first, "peer."));
  EXPECT_THAT(last->second, HasSubstr("1 frames, 5 bytes"));
}

}  // namespace
}  // namespace weir
