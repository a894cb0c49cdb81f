#include "lib/frames/send_queue.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/frames/frame_bytes.h"

namespace weir::frames {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Fate = SendQueue::Fate;

std::string Gathered(SendQueue& queue) {
  std::string bytes;
  for (const iovec& part : queue.Gather()) {
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return bytes;
}

TEST(SendQueueTest, GathersManyFramesInOrderInOnePart) {
  SendQueue queue(3);
  queue.Append("a");
  queue.Append("");
  queue.Append("bcd");
  EXPECT_EQ(Gathered(queue), FrameOf("a") + FrameOf("") + FrameOf("bcd"));
  EXPECT_EQ(queue.Gather().size(), 1);
  EXPECT_EQ(queue.bytes(), 13);
  EXPECT_EQ(queue.frames(), 3);
}

TEST(SendQueueTest, DoesNotCopyWhatItsSenderWaitsFor) {
  SendQueue queue(3);
  const std::string payload = "hello";
  Fate fate;
  queue.AppendWaiting(payload, &fate);
  ASSERT_EQ(queue.Gather().size(), 2);
  EXPECT_EQ(queue.Gather()[1].iov_base, payload.data());
  EXPECT_FALSE(queue.Sent(7));
  EXPECT_EQ(fate, Fate::kWaiting);
  EXPECT_TRUE(queue.Sent(1));
  EXPECT_EQ(fate, Fate::kSent);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.frames_sent(), 1);
}

// Sends by any number of bytes at a time, appends in between, breaks now and
// then: what went out whole over all connections is what went in, in order.
TEST(SendQueueTest, GivesEachFrameOnceHoweverItIsCutAndBroken) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    SendQueue queue(3);
    std::vector<std::string> want, got;
    std::vector<std::string> waiting;
    waiting.reserve(1000);
    std::vector<Fate> fates(1000);
    std::string connection;  // What this connection's peer has.
    const auto receive = [&] {
      size_t at = 0;
      while (at + 3 <= connection.size()) {
        const size_t length =
            static_cast<size_t>(ReadHeader(connection.data() + at, 3).length);
        if (at + 3 + length > connection.size()) break;
        got.push_back(connection.substr(at + 3, length));
        at += 3 + length;
      }
      connection.clear();
    };
    size_t next = 0;
    while (next < 300 || !queue.empty()) {
      const unsigned choice = random() % 10;
      if (choice < 5 && next < 300) {
        std::string payload =
            absl::StrCat(next, std::string(random() % 200, 'x'));
        want.push_back(payload);
        if (random() % 4 == 0) {
          waiting.push_back(std::move(payload));
          queue.AppendWaiting(waiting.back(), &fates[next]);
        } else {
          queue.Append(payload);
        }
        ++next;
      } else if (choice < 9) {
        const std::string bytes = Gathered(queue);
        // Something comes while they are on their way.
        if (next < 300 && random() % 2 == 0) {
          want.push_back(absl::StrCat(next++, "meanwhile"));
          queue.Append(want.back());
        }
        const size_t sent = bytes.empty() ? 0 : random() % bytes.size() + 1;
        connection += bytes.substr(0, sent);
        queue.Sent(sent);
      } else {
        queue.Rewind(/*keep_waiting=*/true);
        receive();
      }
    }
    receive();
    ASSERT_EQ(got, want) << "seed " << seed;
    EXPECT_EQ(queue.frames_sent(), 300);
    EXPECT_EQ(queue.frames(), 0);
    EXPECT_EQ(queue.bytes(), 0);
  }
}

TEST(SendQueueTest, FailsThoseThatWaitAndKeepsTheOthersAfterABreak) {
  SendQueue queue(3);
  Fate fate;
  queue.Append("kept");
  queue.AppendWaiting("waits", &fate);
  queue.Append("kept, too");
  Gathered(queue);
  queue.Sent(9);  // "kept" and a part of "waits".
  EXPECT_TRUE(queue.Rewind(/*keep_waiting=*/false));
  EXPECT_EQ(fate, Fate::kFailed);
  EXPECT_EQ(Gathered(queue), FrameOf("kept, too"));
  EXPECT_EQ(queue.bytes(), 12);
}

TEST(SendQueueTest, TakesAllPayloadsOutButThoseThatWereSent) {
  SendQueue queue(3);
  queue.Append("a");
  queue.Append("b");
  queue.Append("");
  Gathered(queue);
  queue.Sent(6);  // "a" and a part of "b".
  EXPECT_THAT(queue.TakeAll(), ElementsAre("b", ""));
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(queue.TakeAll(), IsEmpty());
}

TEST(SendQueueTest, WithdrawsOneThatWaits) {
  SendQueue queue(3);
  Fate one, two;
  queue.AppendWaiting("one", &one);
  queue.AppendWaiting("two", &two);
  queue.Withdraw(&one);
  EXPECT_EQ(Gathered(queue), FrameOf("two"));
  EXPECT_EQ(queue.bytes(), 6);
}

TEST(SendQueueTest, GathersNoMoreThanACallOfTheKernelTakes) {
  SendQueue queue(4);
  for (int i = 0; i < 100; ++i) queue.Append(std::string(60000, 'x'));
  size_t bytes = 0;
  for (const iovec& part : queue.Gather()) bytes += part.iov_len;
  EXPECT_LE(queue.Gather().size(), SendQueue::kMostParts);
  EXPECT_LE(bytes, SendQueue::kMostBytes + 60004);
}

}  // namespace
}  // namespace weir::frames
