#include "lib/frames/listener.h"

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/client/mutex.h"
#include "lib/frames/close_reason.h"
#include "tests/fakes/fake_frames_clock.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using client::MutexLock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// Keeps what came, by peer, and can be told to block on a message.
class Inbox {
 public:
  absl::Status Take(const Peer& from, absl::string_view message) {
    MutexLock lock(&mu_);
    messages_[from.id].emplace_back(message);
    last_ = from;
    ++count_;
    if (message == "block") {
      ++blocked_;
      while (!released_) released_changed_.Wait(&mu_);
      --blocked_;
    }
    if (message == "fail") return absl::InternalError("told to fail");
    return absl::OkStatus();
  }
  Listener::Callback callback() {
    return [this](const Peer& from, absl::string_view message) {
      return Take(from, message);
    };
  }

  void Release() {
    MutexLock lock(&mu_);
    released_ = true;
    released_changed_.NotifyAll();
  }
  int blocked() const {
    MutexLock lock(&mu_);
    return blocked_;
  }
  size_t count() const {
    MutexLock lock(&mu_);
    return count_;
  }
  Peer last() const {
    MutexLock lock(&mu_);
    return last_;
  }
  std::map<PeerId, std::vector<std::string>> messages() const {
    MutexLock lock(&mu_);
    return messages_;
  }

 private:
  mutable client::Mutex mu_;
  client::CondVar released_changed_;
  std::map<PeerId, std::vector<std::string>> messages_ ABSL_GUARDED_BY(mu_);
  Peer last_ ABSL_GUARDED_BY(mu_);
  size_t count_ ABSL_GUARDED_BY(mu_) = 0;
  int blocked_ ABSL_GUARDED_BY(mu_) = 0;
  bool released_ ABSL_GUARDED_BY(mu_) = false;
};

ListenerOptions Loopback() {
  ListenerOptions options;
  options.peers.addresses = {LoopbackHost() + ":0"};
  return options;
}

std::unique_ptr<Listener> Started(ListenerOptions options, Inbox* inbox,
                                  const Clock& clock = SteadyClock::Get()) {
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Open(std::move(options), inbox->callback(), clock);
  EXPECT_THAT(listener, IsOk());
  EXPECT_THAT((*listener)->Start(), IsOk());
  return std::move(*listener);
}

TEST(ListenerTest, DeliversTheMessagesOfEachConnectionInOrder) {
  Inbox inbox;
  const auto listener = Started(Loopback(), &inbox);
  constexpr int kPeers = 8, kMessages = 2000;
  std::vector<std::thread> peers;
  for (int i = 0; i < kPeers; ++i) {
    peers.emplace_back([&listener, i] {
      RawTcp peer(listener->Addresses()[0]);
      for (int n = 0; n < kMessages; ++n) {
        ASSERT_TRUE(peer.Send(FrameOf(absl::StrCat(i, " ", n))));
      }
    });
  }
  for (std::thread& peer : peers) peer.join();
  ASSERT_TRUE(Eventually([&] { return inbox.count() == kPeers * kMessages; }));
  ASSERT_EQ(inbox.messages().size(), kPeers);
  for (const auto& [id, messages] : inbox.messages()) {
    const std::string who = messages[0].substr(0, messages[0].find(' '));
    for (int n = 0; n < kMessages; ++n) {
      ASSERT_EQ(messages[n], absl::StrCat(who, " ", n));
    }
  }
  EXPECT_TRUE(
      Eventually([&] { return listener->GetStats().totals.open == 0; }));
  EXPECT_THAT(listener->GetStats().totals.ClosedByReason(),
              ElementsAre(Pair("peer_closed", kPeers)));
}

TEST(ListenerTest, ListensOnSeveralAddresses) {
  Inbox inbox;
  ListenerOptions options = Loopback();
  options.peers.addresses.push_back(LoopbackHost() + ":0");
  const auto listener = Started(options, &inbox);
  ASSERT_EQ(listener->Addresses().size(), 2);
  for (const std::string& address : listener->Addresses()) {
    ASSERT_TRUE(RawTcp(address).Send(FrameOf("hello")));
  }
  EXPECT_TRUE(Eventually([&] { return inbox.count() == 2; }));
}

// The bytes of a peer whose callback blocks stay with the kernel, more threads
// than there are by default are held up, and another peer is served.
TEST(ListenerTest, ACallbackThatBlocksHoldsUpItsOwnPeerOnly) {
  Inbox inbox;
  ListenerOptions options = Loopback();
  options.threads = 2;
  const auto listener = Started(options, &inbox);
  const std::string address = listener->Addresses()[0];
  std::vector<RawTcp> blocked;
  for (int i = 0; i < 5; ++i) {
    blocked.emplace_back(address);
    ASSERT_TRUE(blocked.back().Send(FrameOf("block")));
  }
  ASSERT_TRUE(Eventually([&] { return inbox.blocked() == 5; }));
  EXPECT_TRUE(Eventually([&] { return listener->GetStats().threads > 5; }));

  // Its writes block in the end: there is a limit to what the kernel takes.
  const std::string frame = FrameOf(std::string(4096, 'x'));
  size_t taken = 0;
  while (send(blocked[0].fd(), frame.data(), frame.size(),
              MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(frame.size())) {
    ASSERT_LT(++taken, 100000) << "nothing holds it up";
  }

  RawTcp other(address);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(other.Send(FrameOf("other")));
    ASSERT_TRUE(Eventually(
        [&] { return inbox.count() == 6 + static_cast<size_t>(i); }));
  }
  EXPECT_EQ(inbox.blocked(), 5);
  inbox.Release();
  EXPECT_TRUE(Eventually([&] { return inbox.count() >= 105 + taken; }));
}

TEST(ListenerTest, ACallbacksErrorIsLoggedAndTheConnectionGoesOn) {
  Inbox inbox;
  ListenerOptions options = Loopback();
  client::Mutex mu;
  std::vector<std::string> lines;
  options.log = [&](absl::string_view line) {
    MutexLock lock(&mu);
    lines.emplace_back(line);
  };
  const auto listener = Started(options, &inbox);
  RawTcp peer(listener->Addresses()[0]);
  ASSERT_TRUE(peer.Send(FrameOf("fail") + FrameOf("after")));
  ASSERT_TRUE(Eventually([&] { return inbox.count() == 2; }));
  EXPECT_EQ(listener->GetStats().callback_errors, 1);
  ASSERT_TRUE(peer.Send(Hex("010000")));
  EXPECT_TRUE(peer.AwaitEnd());
  EXPECT_TRUE(Eventually([&] {
    MutexLock lock(&mu);
    return lines.size() == 2;
  }));
  MutexLock lock(&mu);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("told to fail"),
                                 HasSubstr("closed: negative")));
}

TEST(ListenerTest, RepliesFromItsCallbackAndFromOutside) {
  std::unique_ptr<Listener> listener;
  std::atomic<PeerId> id{0};
  absl::StatusOr<std::unique_ptr<Listener>> opened = Listener::Open(
      Loopback(), [&](const Peer& from, absl::string_view message) {
        id = from.id;
        return listener->Send(from.id, absl::StrCat("you said ", message))
            .status();
      });
  ASSERT_THAT(opened, IsOk());
  listener = std::move(*opened);
  ASSERT_THAT(listener->Start(), IsOk());
  RawTcp peer(listener->Addresses()[0]);
  ASSERT_TRUE(peer.Send(FrameOf("hello")));
  EXPECT_EQ(peer.Read(17), FrameOf("you said hello"));
  EXPECT_THAT(listener->Send(id, "unasked"), IsOkAndHolds(10));
  EXPECT_EQ(peer.Read(10), FrameOf("unasked"));
  EXPECT_THAT(listener->ClosePeer(id), IsOk());
  EXPECT_TRUE(peer.AwaitEnd());
}

TEST(ListenerTest, TellsOfConnectionsThatAreNoMore) {
  Inbox inbox;
  ListenerOptions options = Loopback();
  client::Mutex mu;
  std::vector<std::pair<PeerId, std::string>> closed;
  options.on_closed = [&](const Peer& peer, CloseReason reason) {
    MutexLock lock(&mu);
    closed.emplace_back(peer.id, Name(reason));
  };
  const auto listener = Started(options, &inbox);
  {
    RawTcp peer(listener->Addresses()[0]);
    ASSERT_TRUE(peer.Send(FrameOf("a")));
  }
  EXPECT_TRUE(Eventually([&] {
    MutexLock lock(&mu);
    return !closed.empty();
  }));
  MutexLock lock(&mu);
  EXPECT_THAT(closed, ElementsAre(Pair(inbox.last().id, "peer_closed")));
}

// Without anyone who calls Sweep.
TEST(ListenerTest, ClosesASlowLorisByItself) {
  Inbox inbox;
  FakeFramesClock clock;
  ListenerOptions options = Loopback();
  options.peers.idle_timeout = absl::Seconds(60);
  options.sweep_interval = absl::Milliseconds(2);
  const auto listener = Started(options, &inbox, clock);
  RawTcp slow(listener->Addresses()[0]), good(listener->Addresses()[0]);
  ASSERT_TRUE(slow.Send(Hex("c801")));
  ASSERT_TRUE(good.Send(FrameOf("a")));
  ASSERT_TRUE(
      Eventually([&] { return listener->GetStats().totals.wire_bytes == 6; }));
  clock.Advance(absl::Seconds(31));
  EXPECT_TRUE(slow.AwaitEnd());
  ASSERT_TRUE(good.Send(FrameOf("b")));
  EXPECT_TRUE(Eventually([&] { return inbox.count() == 2; }));
  clock.Advance(absl::Seconds(61));
  EXPECT_TRUE(good.AwaitEnd());
  EXPECT_TRUE(
      Eventually([&] { return listener->GetStats().totals.open == 0; }));
  EXPECT_THAT(listener->GetStats().totals.ClosedByReason(),
              ElementsAre(Pair("frame_timeout", 1), Pair("idle_timeout", 1)));
}

TEST(ListenerTest, CloseStopsListeningAndDeliversWhatHasArrived) {
  Inbox inbox;
  const auto listener = Started(Loopback(), &inbox);
  const std::string address = listener->Addresses()[0];
  RawTcp peer(address);
  std::string many;
  for (int i = 0; i < 20000; ++i) many += FrameOf("message");
  ASSERT_TRUE(peer.Send(many));
  EXPECT_THAT(listener->Close(absl::Seconds(30)), IsOk());
  EXPECT_EQ(inbox.count(), 20000);
  EXPECT_FALSE(RawTcp(address).open());
  EXPECT_TRUE(peer.AwaitEnd());
  EXPECT_EQ(listener->GetStats().threads, 0);

  // The original panics here, or blocks for ever.
  EXPECT_THAT(listener->Close(absl::Seconds(30)), IsOk());
  EXPECT_THAT(listener->Start(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("")));
}

TEST(ListenerTest, CloseCutsAPeerInTheMiddleOfAFrameAndSaysSo) {
  Inbox inbox;
  const auto listener = Started(Loopback(), &inbox);
  RawTcp peer(listener->Addresses()[0]);
  ASSERT_TRUE(peer.Send(FrameOf("whole") + "\x0a"));
  ASSERT_TRUE(
      Eventually([&] { return listener->GetStats().totals.wire_bytes == 9; }));
  EXPECT_THAT(
      listener->Close(absl::Milliseconds(20)),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("1 connection")));
  EXPECT_TRUE(peer.AwaitEnd());
  EXPECT_THAT(listener->GetStats().totals.ClosedByReason(),
              ElementsAre(Pair("shutdown", 1)));
}

TEST(ListenerTest, CloseFromACallbackIsRefused) {
  std::unique_ptr<Listener> listener;
  std::atomic<int> code{-1};
  absl::StatusOr<std::unique_ptr<Listener>> opened =
      Listener::Open(Loopback(), [&](const Peer&, absl::string_view) {
        code = static_cast<int>(listener->Close(absl::Seconds(1)).code());
        return absl::OkStatus();
      });
  ASSERT_THAT(opened, IsOk());
  listener = std::move(*opened);
  ASSERT_THAT(listener->Start(), IsOk());
  RawTcp peer(listener->Addresses()[0]);
  ASSERT_TRUE(peer.Send(FrameOf("a")));
  ASSERT_TRUE(Eventually([&] { return code >= 0; }));
  EXPECT_EQ(code, static_cast<int>(absl::StatusCode::kFailedPrecondition));
}

// It is told by a thread that Close waits for.
TEST(ListenerTest, CloseFromOnClosedIsRefused) {
  std::unique_ptr<Listener> listener;
  std::atomic<int> code{-1};
  ListenerOptions options = Loopback();
  options.on_closed = [&](const Peer&, CloseReason) {
    code = static_cast<int>(listener->Close(absl::Seconds(1)).code());
  };
  Inbox inbox;
  absl::StatusOr<std::unique_ptr<Listener>> opened =
      Listener::Open(options, inbox.callback());
  ASSERT_THAT(opened, IsOk());
  listener = std::move(*opened);
  ASSERT_THAT(listener->Start(), IsOk());
  RawTcp(listener->Addresses()[0]).Send(FrameOf("a"));
  ASSERT_TRUE(Eventually([&] { return code >= 0; }));
  EXPECT_EQ(code, static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(listener->Close(absl::Seconds(30)), IsOk());
}

TEST(ListenerDeathTest, DestroyedInItsOwnCallbackItSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::unique_ptr<Listener> listener;
        absl::StatusOr<std::unique_ptr<Listener>> opened =
            Listener::Open(Loopback(), [&](const Peer&, absl::string_view) {
              listener.reset();
              return absl::OkStatus();
            });
        listener = std::move(*opened);
        listener->Start().IgnoreError();
        RawTcp peer(listener->Addresses()[0]);
        peer.Send(FrameOf("a"));
        peer.AwaitEnd();
      },
      "destroyed in its own callback");
}

TEST(ListenerTest, ServeBlocksUntilClose) {
  Inbox inbox;
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Open(Loopback(), inbox.callback());
  ASSERT_THAT(listener, IsOk());
  const std::string address = (*listener)->Addresses()[0];
  absl::Status served = absl::UnknownError("it has not returned");
  std::thread serves([&] { served = (*listener)->Serve(); });
  ASSERT_TRUE(RawTcp(address).Send(FrameOf("a")));
  EXPECT_TRUE(Eventually([&] { return inbox.count() == 1; }));
  EXPECT_THAT((*listener)->Close(absl::Seconds(30)), IsOk());
  serves.join();
  EXPECT_THAT(served, IsOk());
}

TEST(ListenerTest, RefusesOptionsThatMakeNoSense) {
  ListenerOptions none;
  EXPECT_THAT(
      Listener::Open(none, {}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no address")));
  ListenerOptions threads = Loopback();
  threads.max_threads = 1;
  EXPECT_THAT(
      Listener::Open(threads, {}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_threads 1")));
}

}  // namespace
}  // namespace weir::frames
