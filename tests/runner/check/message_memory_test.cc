#include "runner/check/message_memory.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "runner/check/board.h"
#include "runner/check/samples.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

class MessageMemoryTest : public testing::Test {
 protected:
  static Sample SampleOf(std::string body) {
    return {.what = "a message", .body = std::move(body)};
  }

  CheckBoard board_ = {};
};

TEST_F(MessageMemoryTest, LaysAMessageOutAsAHostDoes) {
  MessageMemory memory({}, board_);
  for (const Sample& sample : PlainSamples()) {
    const weir_msg* const message = memory.Place(sample, 7);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->struct_size, sizeof(weir_msg));
    EXPECT_EQ(message->seq, 7u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(message->base),
                          message->base_len),
              sample.body);
    ASSERT_EQ(message->n_fields, sample.fields.size());
    for (uint32_t i = 0; i < message->n_fields; ++i) {
      const weir_field& field = message->fields[i];
      const SampleField& want = sample.fields[i];
      EXPECT_EQ(field.key, want.key);
      if (field.kind == WEIR_KIND_UINT) {
        EXPECT_EQ(uint64_t{field.off} | uint64_t{field.len} << 32, want.number);
        continue;
      }
      EXPECT_LE(field.off + field.len, message->data_len);
      EXPECT_EQ(field.count, want.count);
      EXPECT_EQ(
          std::string(reinterpret_cast<const char*>(message->base + field.off),
                      field.len),
          want.bytes);
      if (field.kind != WEIR_KIND_STRING && field.kind != WEIR_KIND_BYTES) {
        EXPECT_EQ(field.off % 8, 0u);
      }
    }
  }
}

TEST_F(MessageMemoryTest, HasNoRoomForEverAndThenRoomAgain) {
  MessageMemory memory({}, board_);
  const Sample large = SampleOf(std::string(1 << 20, 'x'));
  int placed = 0;
  while (memory.Place(large, 1) != nullptr) ++placed;
  EXPECT_GT(placed, 80);
  memory.Reset();
  EXPECT_NE(memory.Place(large, 1), nullptr);
}

using MessageMemoryDeathTest = MessageMemoryTest;

TEST_F(MessageMemoryDeathTest, EndsWhoWritesIntoAMessage) {
  MessageMemory memory({}, board_);
  const weir_msg* const message = memory.Place(SampleOf("abc"), 1);
  EXPECT_DEATH(const_cast<uint8_t*>(message->base)[0] = 'x', "");
  EXPECT_DEATH(const_cast<weir_msg*>(message)->seq = 2, "");
}

TEST_F(MessageMemoryDeathTest, EndsWhoReadsOnUntilAZero) {
  MessageMemory memory({}, board_);
  for (const char* body : {"", "abc", "0123456789abcdef"}) {
    const weir_msg* const message = memory.Place(SampleOf(body), 1);
    const volatile uint8_t* const text = message->base;
    EXPECT_DEATH(for (size_t i = 0; text[i] != 0; ++i){}, "") << body;
  }
}

TEST_F(MessageMemoryDeathTest, EndsWhoKeepsAMessage) {
  MessageMemory memory({.retire = true}, board_);
  const weir_msg* const message = memory.Place(SampleOf("abc"), 1);
  const volatile uint8_t* const text = message->base;
  EXPECT_EQ(text[0], 'a');
  memory.Retire(message);
  EXPECT_DEATH(static_cast<void>(text[0]), "");
}

}  // namespace
}  // namespace weir
