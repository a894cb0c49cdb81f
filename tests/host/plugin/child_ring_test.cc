#include "host/plugin/child_ring.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

class ChildRingTest : public testing::Test {
 protected:
  // What is taken next; empty if there is nothing.
  std::string Take() {
    const auto record = reader_.Take();
    EXPECT_THAT(record, IsOk());
    return record->has_value() ? (*record)->body : "";
  }

  // Says that `size` bytes are there, which begin with `words`.
  void Forge(uint64_t size, const std::vector<uint32_t>& words) {
    std::memcpy(ring_->bytes, words.data(), 4 * words.size());
    ring_->tail = size;
  }

  const std::unique_ptr<ChildRing> ring_ = std::make_unique<ChildRing>();
  ChildRingWriter writer_{*ring_, 1000};
  ChildRingReader reader_{*ring_};
};

TEST_F(ChildRingTest, KeepsRecordsInOrder) {
  EXPECT_EQ(Take(), "");
  EXPECT_TRUE(writer_.Push(ChildRecord::kEvent, "first"));
  EXPECT_TRUE(writer_.Push(ChildRecord::kLog, ""));
  EXPECT_TRUE(writer_.Push(ChildRecord::kLog, "third"));
  EXPECT_EQ(Take(), "first");
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(Take(), "third");
  EXPECT_EQ(Take(), "");
}

TEST_F(ChildRingTest, GoesRoundManyTimes) {
  for (int i = 0; i < 300; ++i) {
    const std::string body(1 + (i * 7919) % 90'000, static_cast<char>(i));
    ASSERT_TRUE(writer_.Push(ChildRecord::kEvent, body));
    ASSERT_EQ(Take(), body);
  }
}

TEST_F(ChildRingTest, TakesNoMoreBytesThanItHas) {
  const std::string body(64 * 1024, 'x');
  int n = 0;
  while (writer_.Push(ChildRecord::kLog, body)) ++n;
  EXPECT_EQ(n, 63) << "each has a head, too";
  EXPECT_EQ(Take(), body);
  EXPECT_TRUE(writer_.Push(ChildRecord::kLog, body));
  EXPECT_FALSE(writer_.Push(ChildRecord::kLog, body));
}

TEST_F(ChildRingTest, LetsNoMoreEventsWaitThanItIsTold) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(writer_.Push(ChildRecord::kEvent, "x"));
  }
  EXPECT_FALSE(writer_.Push(ChildRecord::kEvent, "x"));
  EXPECT_TRUE(writer_.Push(ChildRecord::kLog, "x")) << "a line is no event";
  EXPECT_EQ(Take(), "x");
  EXPECT_TRUE(writer_.Push(ChildRecord::kEvent, "x"));
}

TEST_F(ChildRingTest, RefusesARecordThatWouldBeRefusedWhenItIsRead) {
  EXPECT_FALSE(
      writer_.Push(ChildRecord::kEvent, std::string(kMaxChildRecord, 'x')));
  EXPECT_TRUE(
      writer_.Push(ChildRecord::kEvent, std::string(kMaxChildRecord - 8, 'x')));
  EXPECT_EQ(Take().size(), kMaxChildRecord - 8);
}

TEST_F(ChildRingTest, BelievesNothing) {
  constexpr auto kLastKind = static_cast<uint32_t>(ChildRecord::kNode);
  struct Case {
    const char* why;
    uint64_t tail;
    std::vector<uint32_t> words;
  };
  for (const Case& c : std::vector<Case>{
           {"less than a head", 4, {16, 1}},
           {"a record shorter than its head", 64, {7, 1}},
           {"a record longer than what is there", 64, {65, 1}},
           {"a record longer than any", 2 << 20, {(1 << 20) + 4097, 1}},
           {"a length that would wrap", 64, {UINT32_MAX, 1}},
           {"no kind", 64, {16, 0}},
           {"an unknown kind", 64, {16, kLastKind + 1}},
           {"more than the ring holds", ChildRing::kBytes + 8, {16, 1}},
           {"less than was read", UINT64_MAX, {16, 1}},
       }) {
    Forge(c.tail, c.words);
    ChildRingReader reader(*ring_);
    EXPECT_EQ(reader.Take().status().code(), absl::StatusCode::kDataLoss)
        << c.why;
    ring_->tail = 0;
    EXPECT_FALSE(reader.Take().ok()) << c.why << ", then as if nothing was";
  }
}

}  // namespace
}  // namespace weir
