#include "lib/frames/manager.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/frames/listener.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir::frames {
namespace {

using testing::HasSubstr;

constexpr char kAlready[] = "A connection to this ip / port is already open.";
constexpr char kNot[] = "A connection to this ip / port must be opened first.";

// An address of this machine on which nobody listens.
std::string FreeAddress() {
  const RawTcpServer server;
  return server.address();
}

class ManagerTest : public testing::Test {
 protected:
  absl::Status Listen(const std::string& address) {
    return manager_.StartListening(
        {.address = address,
         .callback = [this](const Peer& from, absl::string_view message) {
           last_ = from.id;
           if (message == "fail") return absl::InternalError("told to");
           ++count_;
           return absl::OkStatus();
         }});
  }
  bool Got(int n) {
    return Eventually([&] { return count_ == n; });
  }

  std::atomic<int> count_{0};
  std::atomic<PeerId> last_{0};
  Manager manager_;
};

TEST_F(ManagerTest, WritesToWhatItListensOn) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  ASSERT_THAT(manager_.Dial({.address = address}), IsOk());
  EXPECT_THAT(manager_.Write(address, "hello"), IsOkAndHolds(8));
  EXPECT_THAT(manager_.Post(address, "hello"), IsOkAndHolds(8));
  EXPECT_TRUE(Got(2));
}

TEST_F(ManagerTest, AnAddressThatIsOpenIsNotOpenedTwice) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  ASSERT_THAT(manager_.Dial({.address = address}), IsOk());
  const auto already = StatusIs(absl::StatusCode::kAlreadyExists, kAlready);
  EXPECT_THAT(Listen(address), already);
  EXPECT_THAT(manager_.Dial({.address = address}), already);
}

TEST_F(ManagerTest, AnAddressThatIsNotOpenIsRefused) {
  const std::string address = FreeAddress();
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, kNot);
  EXPECT_THAT(manager_.Write(address, "x"), refused);
  EXPECT_THAT(manager_.Post(address, "x"), refused);
  EXPECT_THAT(manager_.Reopen(address), refused);
  EXPECT_THAT(manager_.TakeErrored(address), refused);
  EXPECT_THAT(manager_.Reply(address, 1, "x"), refused);
  EXPECT_THAT(manager_.CloseWriter(address), refused);
  EXPECT_THAT(manager_.CloseListener(address), refused);
}

// The original answers "already open" for ever, and goes on listening.
TEST_F(ManagerTest, WhatWasClosedCanBeOpenedAgain) {
  const std::string address = FreeAddress();
  for (int round = 0; round < 3; ++round) {
    ASSERT_THAT(Listen(address), IsOk()) << round;
    ASSERT_THAT(manager_.Dial({.address = address}), IsOk()) << round;
    ASSERT_THAT(manager_.Write(address, "x"), IsOk()) << round;
    ASSERT_TRUE(Got(round + 1));
    EXPECT_THAT(manager_.CloseWriter(address), IsOk());
    EXPECT_THAT(manager_.CloseListener(address), IsOk());
    EXPECT_THAT(manager_.Write(address, "x"),
                StatusIs(absl::StatusCode::kFailedPrecondition, kNot));
    EXPECT_FALSE(RawTcp(address).open());
    EXPECT_THAT(manager_.CloseListener(address),
                StatusIs(absl::StatusCode::kFailedPrecondition, kNot));
  }
}

TEST_F(ManagerTest, WhatCouldNotBeOpenedIsNotTaken) {
  const RawTcpServer taken;
  EXPECT_THAT(Listen(taken.address()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
  const std::string address = FreeAddress();
  EXPECT_THAT(manager_.Dial({.address = address}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("refused")));
  ASSERT_THAT(Listen(address), IsOk());
  EXPECT_THAT(manager_.Dial({.address = address}), IsOk());
}

TEST_F(ManagerTest, WritesGoOnAfterTheListenerCameBack) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  WriterOptions options;
  options.address = address;
  options.backoff = {absl::Milliseconds(1), absl::Milliseconds(20)};
  ASSERT_THAT(manager_.DialWith(options), IsOk());
  ASSERT_THAT(manager_.Write(address, "x"), IsOk());
  ASSERT_TRUE(Got(1));
  ASSERT_THAT(manager_.CloseListener(address), IsOk());
  ASSERT_TRUE(Eventually(
      [&] { return !manager_.FindWriter(address)->GetStats().connected; }));
  EXPECT_THAT(manager_.Write(address, "lost, and said so"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
  ASSERT_THAT(Listen(address), IsOk());
  EXPECT_TRUE(Eventually([&] { return manager_.Write(address, "y").ok(); }));
  EXPECT_TRUE(Got(2));
}

TEST_F(ManagerTest, HasTheOriginalsDefaults) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  ASSERT_THAT(manager_.Dial({.address = address}), IsOk());
  EXPECT_THAT(manager_.Write(address, std::string(4096, 'x')),
              IsOkAndHolds(4099));
  EXPECT_THAT(manager_.Write(address, std::string(4097, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4096")));
  EXPECT_THAT(manager_.Write(address, ""), IsOkAndHolds(3));
  EXPECT_TRUE(Got(2));
}

TEST_F(ManagerTest, ACallbacksErrorKeepsTheConnection) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  ASSERT_THAT(manager_.Dial({.address = address}), IsOk());
  ASSERT_THAT(manager_.Write(address, "fail"), IsOk());
  ASSERT_THAT(manager_.Write(address, "x"), IsOk());
  EXPECT_TRUE(Got(1));
  EXPECT_EQ(manager_.FindListener(address)->GetStats().totals.open, 1);
}

TEST_F(ManagerTest, RepliesByIdentity) {
  const std::string address = FreeAddress();
  ASSERT_THAT(Listen(address), IsOk());
  RawTcp peer(address);
  ASSERT_TRUE(peer.Send(FrameOf("x")));
  ASSERT_TRUE(Got(1));
  EXPECT_THAT(manager_.Reply(address, last_, "hello"), IsOkAndHolds(8));
  EXPECT_EQ(peer.Read(8), FrameOf("hello"));
}

TEST_F(ManagerTest, ACallbackThatClosesItsOwnListenerIsRefusedAndItGoesOn) {
  const std::string address = FreeAddress();
  ASSERT_THAT(
      manager_.StartListening({.address = address,
                               .callback =
                                   [&](const Peer&, absl::string_view) {
                                     ++count_;
                                     return manager_.CloseListener(address);
                                   }}),
      IsOk());
  RawTcp peer(address);
  ASSERT_TRUE(peer.Send(FrameOf("a") + FrameOf("b")));
  ASSERT_TRUE(Got(2));
  EXPECT_TRUE(Eventually([&] {
    const auto listener = manager_.FindListener(address);
    return listener != nullptr && listener->GetStats().callback_errors == 2;
  }));
  EXPECT_THAT(Listen(address), StatusIs(absl::StatusCode::kAlreadyExists,
                                        HasSubstr("already open")));
  peer.Close();
  EXPECT_THAT(manager_.CloseListener(address), IsOk());
}

TEST_F(ManagerTest, OpensAndClosesFromManyThreads) {
  const std::string address = FreeAddress();
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        if (Listen(address).ok()) ++opened;
        manager_.CloseListener(address).IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(opened, 0);
  EXPECT_FALSE(RawTcp(address).open());
  EXPECT_THAT(Listen(address), IsOk());
}

TEST(FormatAddressTest, PutsAColonBetween) {
  EXPECT_EQ(FormatAddress("127.0.0.1", "5031"), "127.0.0.1:5031");
}

}  // namespace
}  // namespace weir::frames
