#include "lib/frames/peer_set.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_list.h"
#include "tests/fakes/fake_frames_clock.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// One thread that serves a set until something is as the test wants it.
class PeerSetTest : public testing::Test {
 protected:
  void Open(PeerOptions options = {}) {
    options.addresses = {LoopbackHost() + ":0"};
    absl::StatusOr<std::unique_ptr<PeerSet>> set = PeerSet::Open(
        options, clock_,
        [this](const Peer&, CloseReason reason, absl::string_view) {
          closed_.push_back(Name(reason));
        });
    ASSERT_THAT(set, IsOk());
    set_ = std::move(*set);
  }

  RawTcp Connect() { return RawTcp(set_->Addresses()[0]); }

  // Takes once and keeps the frames.
  void Serve() {
    FrameList list;
    PeerSet::Turn turn;
    if (set_->Take(absl::Milliseconds(5), space_, &list, &turn) !=
        PeerSet::Event::kFrames) {
      return;
    }
    for (const absl::string_view frame : list.frames) {
      frames_.emplace_back(frame);
      from_.push_back(turn.peer());
    }
    set_->Release(turn);
  }

  template <typename Condition>
  bool ServeUntil(const Condition& condition) {
    return Eventually([&] {
      if (condition()) return true;
      Serve();
      return condition();
    });
  }
  bool ServeUntilFrames(size_t n) {
    return ServeUntil([&] { return frames_.size() >= n; });
  }
  // Returns the reasons, once so many connections have ended.
  std::map<std::string, uint64_t> ServeUntilClosed(size_t n) {
    EXPECT_TRUE(ServeUntil([&] { return closed_.size() >= n; }));
    return set_->GetTotals().ClosedByReason();
  }

  FakeFramesClock clock_;
  std::unique_ptr<PeerSet> set_;
  std::vector<char> space_ = std::vector<char>(64 << 10);
  std::vector<std::string> frames_;
  std::vector<Peer> from_;
  std::vector<std::string> closed_;
};

// Each kind of bad input: that connection is closed and counted, one that was
// open before goes on.
TEST_F(PeerSetTest, BadInputClosesItsConnectionAloneAndIsCounted) {
  struct Case {
    const char* why;
    std::string bytes;
    const char* reason;
  };
  for (const Case& c : std::vector<Case>{
           {"a length over the maximum, which kills the original",
            Hex("824000"), "too_long"},
           {"a length below zero, which kills it, too", Hex("010000"),
            "negative"},
           {"a length that does not end", Hex("ffffff"), "unterminated"},
           {"a header of another size", FrameOf("hello\n", 255),
            "header_class"},
       }) {
    closed_.clear();
    frames_.clear();
    Open();
    RawTcp good = Connect(), bad = Connect();
    ASSERT_TRUE(bad.Send(c.bytes));
    EXPECT_THAT(ServeUntilClosed(1), ElementsAre(Pair(c.reason, 1))) << c.why;
    EXPECT_TRUE(bad.AwaitEnd()) << c.why;
    ASSERT_TRUE(good.Send(FrameOf("good")));
    EXPECT_TRUE(ServeUntil([&] {
      return !frames_.empty() && frames_.back() == "good";
    })) << c.why;
    EXPECT_EQ(set_->open(), 1);
  }
}

TEST_F(PeerSetTest, AnEndInsideAFrameDeliversNothingOfIt) {
  struct Case {
    const char* bytes;
    const char* reason;
  };
  for (const Case& c :
       std::vector<Case>{{"", "peer_closed"},
                         {"0a", "truncated_header"},
                         {"0a00", "truncated_header"},
                         {"0a0000", "truncated_body"},
                         {"0a000068656c6c", "truncated_body"}}) {
    closed_.clear();
    frames_.clear();
    Open();
    RawTcp peer = Connect();
    peer.Send(FrameOf("whole") + Hex(c.bytes));
    peer.Close();
    EXPECT_THAT(ServeUntilClosed(1), ElementsAre(Pair(c.reason, 1)));
    EXPECT_THAT(frames_, ElementsAre("whole")) << c.bytes;
  }
}

TEST_F(PeerSetTest, AResetIsCountedAndDeliversNothingOfAHalfFrame) {
  Open();
  RawTcp peer = Connect();
  peer.Send(FrameOf("whole") + Hex("0a0000") + "he");
  ASSERT_TRUE(ServeUntilFrames(1));
  ASSERT_TRUE(ServeUntil([&] { return set_->Peers()[0].in_frame; }));
  peer.Reset();
  EXPECT_THAT(ServeUntilClosed(1), ElementsAre(Pair("reset", 1)));
  EXPECT_THAT(frames_, ElementsAre("whole"));
}

TEST_F(PeerSetTest, FramesComeByteByByteAndManyAtATime) {
  Open();
  RawTcp peer = Connect();
  const std::string bytes = FrameOf("hello") + FrameOf("") + FrameOf("w");
  for (const char byte : bytes) {
    ASSERT_TRUE(peer.Send(absl::string_view(&byte, 1)));
    Serve();
  }
  ASSERT_TRUE(ServeUntilFrames(3));
  EXPECT_THAT(frames_, ElementsAre("hello", "", "w"));

  std::string many;
  for (int i = 0; i < 10000; ++i) many += FrameOf(absl::StrCat(i));
  ASSERT_TRUE(peer.Send(many));
  ASSERT_TRUE(ServeUntilFrames(10003));
  EXPECT_EQ(frames_[10002], "9999");
}

TEST_F(PeerSetTest, TheLongestMessageIsDelivered) {
  Open({.parser = {.max_message_size = 2048}});
  RawTcp peer = Connect();
  ASSERT_TRUE(peer.Send(FrameOf(std::string(2048, 'x'), 2048)));
  ASSERT_TRUE(ServeUntilFrames(1));
  EXPECT_EQ(frames_[0].size(), 2048);
}

TEST_F(PeerSetTest, FramesLongerThanTheSpaceComeWhole) {
  Open({.parser = {.max_message_size = 1 << 20}});
  RawTcp peer = Connect();
  std::string want(1 << 20, '\0');
  for (size_t i = 0; i < want.size(); ++i) want[i] = static_cast<char>(i % 251);
  const std::string bytes = FrameOf(want, 1 << 20);
  // In pieces, so that nobody waits for the other.
  absl::string_view rest = bytes;
  while (!rest.empty()) {
    ASSERT_TRUE(peer.Send(rest.substr(0, 100000)));
    rest.remove_prefix(std::min<size_t>(rest.size(), 100000));
    Serve();
  }
  ASSERT_TRUE(ServeUntilFrames(1));
  EXPECT_TRUE(frames_[0] == want);
}

// So much, and then it is the next one's turn.
TEST_F(PeerSetTest, ATurnTakesNoMoreThanTheSpaceOfALongFrame) {
  Open({.parser = {.max_message_size = 1 << 20}});
  space_.resize(10000);
  RawTcp peer = Connect();
  const std::string bytes = FrameOf(std::string(1 << 20, 'x'), 1 << 20);
  absl::string_view rest = bytes;
  uint64_t before = 0;
  EXPECT_TRUE(Eventually([&] {
    // There is more than one turn takes.
    while (rest.size() > bytes.size() - 100000) {
      EXPECT_TRUE(peer.Send(rest.substr(0, 10000)));
      rest.remove_prefix(10000);
    }
    Serve();
    const uint64_t now = set_->GetTotals().wire_bytes;
    EXPECT_LE(now - before, 10000);
    before = now;
    peer.Send(rest.substr(0, 10000));
    rest.remove_prefix(std::min<size_t>(rest.size(), 10000));
    return !frames_.empty();
  }));
  ASSERT_EQ(frames_.size(), 1);
  EXPECT_EQ(frames_[0].size(), 1 << 20);
}

TEST_F(PeerSetTest, MoreConnectionsThanMayBeAreRefused) {
  Open({.max_connections = 2});
  RawTcp first = Connect(), second = Connect(), third = Connect();
  ASSERT_TRUE(ServeUntil([&] { return set_->GetTotals().accepted == 3; }));
  EXPECT_TRUE(third.AwaitEnd());
  EXPECT_THAT(set_->GetTotals().ClosedByReason(),
              ElementsAre(Pair("refused", 1)));
  ASSERT_TRUE(first.Send(FrameOf("a")));
  ASSERT_TRUE(ServeUntilFrames(1));

  second.Close();
  ServeUntilClosed(1);
  RawTcp fourth = Connect();
  ASSERT_TRUE(fourth.Send(FrameOf("b")));
  EXPECT_TRUE(ServeUntilFrames(2));
}

TEST_F(PeerSetTest, AConnectionThatIsSilentTooLongIsClosed) {
  Open({.idle_timeout = absl::Seconds(60)});
  RawTcp silent = Connect(), speaks = Connect();
  speaks.Send(FrameOf("a"));
  ASSERT_TRUE(ServeUntilFrames(1));
  ASSERT_TRUE(ServeUntil([&] { return set_->open() == 2; }));
  clock_.Advance(absl::Seconds(40));
  speaks.Send(FrameOf("b"));
  ASSERT_TRUE(ServeUntilFrames(2));
  clock_.Advance(absl::Seconds(40));
  set_->Sweep();
  EXPECT_THAT(closed_, ElementsAre("idle_timeout"));
  EXPECT_TRUE(silent.AwaitEnd());
  EXPECT_EQ(set_->open(), 1);
}

TEST_F(PeerSetTest, TimeInWhichBytesWaitedForUsIsNotSilence) {
  Open({.idle_timeout = absl::Seconds(60)});
  RawTcp peer = Connect();
  ASSERT_TRUE(ServeUntil([&] { return set_->open() == 1; }));
  ASSERT_TRUE(peer.Send(FrameOf("a")));
  clock_.Advance(absl::Seconds(100));
  // Loopback: what Send returned from has arrived.
  set_->Sweep();
  EXPECT_THAT(closed_, IsEmpty());
  EXPECT_TRUE(ServeUntilFrames(1));
}

TEST_F(PeerSetTest, WithoutATimeoutSilenceLastsAsLongAsItLikes) {
  Open();
  RawTcp peer = Connect();
  ASSERT_TRUE(ServeUntil([&] { return set_->open() == 1; }));
  clock_.Advance(absl::Hours(1000));
  set_->Sweep();
  EXPECT_EQ(set_->open(), 1);
}

// A slow-loris: bytes come all the time, and the frame never ends.
TEST_F(PeerSetTest, AFrameThatDoesNotComeToItsEndClosesItsConnection) {
  Open({.idle_timeout = absl::Seconds(60)});
  RawTcp slow = Connect();
  slow.Send(Hex("c80100"));  // 100 bytes.
  for (uint64_t second = 0; second < 30; second += 10) {
    slow.Send("x");
    ASSERT_TRUE(ServeUntil(
        [&] { return set_->GetTotals().wire_bytes == 4 + second / 10; }));
    set_->Sweep();
    ASSERT_THAT(closed_, IsEmpty()) << second;
    clock_.Advance(absl::Seconds(10));
  }
  slow.Send("x");
  ASSERT_TRUE(ServeUntil([&] { return set_->GetTotals().wire_bytes == 7; }));
  clock_.Advance(absl::Seconds(1));
  set_->Sweep();
  EXPECT_THAT(closed_, ElementsAre("frame_timeout"));
  EXPECT_THAT(frames_, IsEmpty());
}

TEST_F(PeerSetTest, ManyFramesInALongTimeAreNoSlowFrame) {
  Open();
  RawTcp peer = Connect();
  const std::string bytes = FrameOf("hello");
  for (size_t i = 0; i < 10; ++i) {
    // The end of one and the beginning of the next.
    peer.Send(i == 0 ? bytes.substr(0, 4)
                     : bytes.substr(4) + bytes.substr(0, 4));
    ASSERT_TRUE(ServeUntilFrames(i));
    ASSERT_TRUE(
        ServeUntil([&] { return set_->GetTotals().wire_bytes == 4 + 8 * i; }));
    clock_.Advance(absl::Seconds(20));
    set_->Sweep();
  }
  EXPECT_THAT(closed_, IsEmpty());
}

TEST_F(PeerSetTest, ALongFrameHasMoreTime) {
  Open({.parser = {.max_message_size = 1 << 22}});
  RawTcp peer = Connect();
  std::string bytes = FrameOf(std::string(1 << 22, 'x'), 1 << 22);
  peer.Send(bytes.substr(0, 10));
  ASSERT_TRUE(ServeUntil([&] { return set_->GetTotals().wire_bytes == 10; }));
  // 30 s, and 64 s for 4 MiB at 64 KiB/s.
  clock_.Advance(absl::Seconds(90));
  set_->Sweep();
  EXPECT_THAT(closed_, IsEmpty());
  clock_.Advance(absl::Seconds(10));
  set_->Sweep();
  EXPECT_THAT(closed_, ElementsAre("frame_timeout"));
}

TEST_F(PeerSetTest, AReplyGoesToThePeerThatItIsFor) {
  Open();
  RawTcp one = Connect(), two = Connect();
  one.Send(FrameOf("one"));
  ASSERT_TRUE(ServeUntilFrames(1));
  two.Send(FrameOf("two"));
  ASSERT_TRUE(ServeUntilFrames(2));
  ASSERT_NE(from_[0].id, from_[1].id);
  EXPECT_THAT(set_->Send(from_[1].id, "for two"), IsOkAndHolds(10));
  EXPECT_THAT(set_->Send(from_[0].id, "for one"), IsOkAndHolds(10));
  EXPECT_EQ(one.Read(10), FrameOf("for one"));
  EXPECT_EQ(two.Read(10), FrameOf("for two"));
}

TEST_F(PeerSetTest, SendSaysWhyItCannot) {
  Open({.max_unsent_bytes = 1 << 16});
  EXPECT_THAT(set_->Send(12345678, "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("12345678")));
  RawTcp peer = Connect();
  peer.Send(FrameOf("a"));
  ASSERT_TRUE(ServeUntilFrames(1));
  const PeerId id = from_[0].id;
  EXPECT_THAT(set_->Send(id, std::string(4097, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4097")));

  // It does not read: the kernel's buffers fill, then ours.
  const std::string message(4096, 'y');
  absl::StatusOr<size_t> sent;
  size_t taken = 0;
  for (; taken < 1'000'000; ++taken) {
    sent = set_->Send(id, message);
    if (!sent.ok()) break;
  }
  EXPECT_THAT(sent, StatusIs(absl::StatusCode::kResourceExhausted,
                             HasSubstr("does not read")));
  // What was taken comes whole and in order once it reads.
  std::string got;
  const size_t want = taken * (4096 + 3);
  std::vector<char> piece(1 << 16);
  ASSERT_TRUE(ServeUntil([&] {
    const ssize_t n = recv(peer.fd(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (n > 0) got.append(piece.data(), static_cast<size_t>(n));
    return got.size() >= want;
  }));
  std::string all;
  for (size_t i = 0; i < taken; ++i) all += FrameOf(message);
  EXPECT_TRUE(got == all);
  EXPECT_EQ(set_->Peers()[0].unsent_bytes, 0);
  EXPECT_EQ(set_->Peers()[0].frames_sent, taken);

  peer.Close();
  ServeUntilClosed(1);
  EXPECT_THAT(set_->Send(id, "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("")));
}

TEST_F(PeerSetTest, APeerThatEndsSendingStillGetsItsReplies) {
  Open({.max_unsent_bytes = 100 << 20});
  RawTcp peer = Connect();
  peer.Send(FrameOf("a"));
  ASSERT_TRUE(ServeUntilFrames(1));
  const std::string message(4096, 'y');
  constexpr size_t kReplies = 5000;  // More than the kernel's buffers hold.
  for (size_t i = 0; i < kReplies; ++i) {
    ASSERT_THAT(set_->Send(from_[0].id, message), IsOk());
  }
  ASSERT_GT(set_->Peers()[0].unsent_bytes, 0);
  peer.EndSending();
  size_t got = 0;
  std::vector<char> piece(1 << 16);
  ASSERT_TRUE(ServeUntil([&] {
    const ssize_t n = recv(peer.fd(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (n > 0) got += static_cast<size_t>(n);
    return n == 0;
  }));
  EXPECT_EQ(got, kReplies * (4096 + 3));
  EXPECT_THAT(ServeUntilClosed(1), ElementsAre(Pair("peer_closed", 1)));
}

TEST_F(PeerSetTest, EachConnectionAndAllOfThemHaveNumbers) {
  Open({.parser = {.deliver_empty = false}});
  RawTcp one = Connect();
  one.Send(FrameOf("a") + FrameOf("") + FrameOf("bc") + Hex("0aff7f") +
           "hello" + Hex("0a"));
  ASSERT_TRUE(ServeUntilFrames(3));
  clock_.Advance(absl::Seconds(7));
  const std::vector<PeerStats> peers = set_->Peers();
  ASSERT_EQ(peers.size(), 1);
  EXPECT_EQ(peers[0].frames, 3);
  EXPECT_EQ(peers[0].payload_bytes, 8);
  EXPECT_EQ(peers[0].wire_bytes, 8 + 12 + 1);
  EXPECT_EQ(peers[0].empty_skipped, 1);
  EXPECT_EQ(peers[0].odd_padding, 1);
  EXPECT_TRUE(peers[0].in_frame);
  EXPECT_EQ(peers[0].silent, absl::Seconds(7));
  EXPECT_THAT(peers[0].peer.address, HasSubstr("127."));
  EXPECT_EQ(peers[0].local_address, set_->Addresses()[0]);

  one.Close();
  ServeUntilClosed(1);
  const PeerSet::Totals totals = set_->GetTotals();
  EXPECT_EQ(totals.frames, 3);
  EXPECT_EQ(totals.wire_bytes, 21);
  EXPECT_EQ(totals.accepted, 1);
  EXPECT_EQ(totals.open, 0);
}

TEST_F(PeerSetTest, AConnectionInATurnIsClosedAtItsEnd) {
  Open();
  RawTcp peer = Connect();
  peer.Send(FrameOf("a"));
  FrameList list;
  PeerSet::Turn turn;
  ASSERT_TRUE(Eventually([&] {
    return set_->Take(absl::Milliseconds(5), space_, &list, &turn) ==
           PeerSet::Event::kFrames;
  }));
  EXPECT_THAT(set_->Close(turn.peer().id), IsOk());
  EXPECT_EQ(set_->open(), 1);
  set_->Release(turn);
  EXPECT_THAT(closed_, ElementsAre("closed"));
  EXPECT_TRUE(peer.AwaitEnd());
}

TEST_F(PeerSetTest, WakeIsSeenByEveryTakeUntilRearm) {
  Open();
  FrameList list;
  PeerSet::Turn turn;
  set_->Wake();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(set_->Take(absl::Hours(1), space_, &list, &turn),
              PeerSet::Event::kWoken);
  }
  set_->Rearm();
  EXPECT_EQ(set_->Take(absl::ZeroDuration(), space_, &list, &turn),
            PeerSet::Event::kTimeout);
}

// Without descriptors the original's loop spins.
// Who connects again and again must not keep those who are connected waiting.
TEST_F(PeerSetTest, AcceptsSoManyAndThenItIsTheTurnOfOthers) {
  Open();
  std::vector<RawTcp> peers;
  for (int i = 0; i < 200; ++i) peers.push_back(Connect());
  Serve();
  EXPECT_GT(set_->open(), 0);
  EXPECT_LT(set_->open(), 100);
  ASSERT_TRUE(ServeUntil([&] { return set_->open() == 200; }));
}

TEST_F(PeerSetTest, GoesOnAcceptingAfterThereWereNoDescriptors) {
  Open();
  RawTcp waits = Connect();
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none = {static_cast<rlim_t>(waits.fd()), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_TRUE(ServeUntil([&] { return set_->GetTotals().accept_errors > 0; }));
  FrameList list;
  PeerSet::Turn turn;
  // It does not spin on what it cannot take.
  EXPECT_EQ(set_->Take(absl::Milliseconds(20), space_, &list, &turn),
            PeerSet::Event::kTimeout);
  setrlimit(RLIMIT_NOFILE, &before);
  set_->Sweep();
  waits.Send(FrameOf("a"));
  EXPECT_TRUE(ServeUntilFrames(1));
}

TEST_F(PeerSetTest, SaysWhichAddressItCannotListenOn) {
  Open();
  const std::string taken = set_->Addresses()[0];
  struct Case {
    std::string address;
    absl::StatusCode code;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {taken, absl::StatusCode::kUnavailable, "in use"},
           {"nothing", absl::StatusCode::kInvalidArgument, "host:port"},
           {"127.0.0.1:70000", absl::StatusCode::kInvalidArgument, "70000"},
           {"::1:5031", absl::StatusCode::kInvalidArgument, "brackets"},
           {"192.0.2.1:0", absl::StatusCode::kUnavailable, "192.0.2.1"},
       }) {
    PeerOptions options;
    options.addresses = {LoopbackHost() + ":0", c.address};
    EXPECT_THAT(PeerSet::Open(options, clock_),
                StatusIs(c.code, HasSubstr(c.text)))
        << c.address;
  }
}

TEST_F(PeerSetTest, DrainingReadsWhatHasArrivedAndStopsListening) {
  Open();
  const std::string address = set_->Addresses()[0];
  RawTcp idle = Connect(), sent = Connect(), half = Connect();
  ASSERT_TRUE(ServeUntil([&] { return set_->open() == 3; }));
  sent.Send(FrameOf("sent"));
  half.Send(FrameOf("half").substr(0, 5));
  ASSERT_TRUE(ServeUntil([&] {
    return frames_.size() == 1 && set_->GetTotals().wire_bytes == 12;
  }));
  sent.Send(FrameOf("more"));
  // Connected, and not accepted yet.
  RawTcp late(address);
  late.Send(FrameOf("late"));
  set_->StartDraining();
  EXPECT_FALSE(RawTcp(address).open());
  half.Send(FrameOf("half").substr(5));
  EXPECT_TRUE(ServeUntil([&] { return set_->open() == 0; }));
  EXPECT_THAT(frames_, UnorderedElementsAre("sent", "more", "half", "late"));
  EXPECT_THAT(set_->GetTotals().ClosedByReason(),
              ElementsAre(Pair("closed", 4)));
  EXPECT_TRUE(set_->AwaitEmpty(absl::ZeroDuration()));
}

}  // namespace
}  // namespace weir::frames
