#include "host/pipeline/message_writer.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

using ::testing::ElementsAre;

class MessageWriterTest : public testing::Test {
 protected:
  void Write(absl::string_view payload) {
    writer_.Reserve(payload, 0, 0);
    writer_.Commit(0, 0);
  }

  static std::vector<std::string> Payloads(const MessageBatchRef& batch) {
    std::vector<std::string> payloads;
    for (const Message* message = batch->first(); message != nullptr;
         message = message->next) {
      payloads.emplace_back(message->payload());
    }
    return payloads;
  }

  SlabPool pool_;
  MessageWriter writer_{pool_};
};

TEST_F(MessageWriterTest, MakesABatchOfCopiesInOrder) {
  writer_.Begin({});
  for (std::string payload : {"one", "", "three"}) Write(payload);
  const MessageBatchRef batch = writer_.Finish();
  EXPECT_EQ(batch->size(), 3u);
  EXPECT_THAT(Payloads(batch), ElementsAre("one", "", "three"));
  EXPECT_EQ(batch->first()->batch, batch.get());
}

TEST_F(MessageWriterTest, LaysFieldsPayloadAndExtraOutInOneBlock) {
  writer_.Begin({});
  const MessageWriter::Room room = writer_.Reserve("payload", 4, 64);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(room.extra) % 8, 0u);
  EXPECT_EQ(room.extra_bytes, 64u);
  room.fields[0] = {.key = 7};
  room.fields[1] = {.key = 8};
  std::memset(room.extra, 0x5a, 16);
  writer_.Commit(/*n_fields=*/2, /*extra_used=*/16);
  Write("next");
  const MessageBatchRef batch = writer_.Finish();

  const weir_msg& view = batch->first()->view;
  EXPECT_EQ(view.struct_size, sizeof(weir_msg));
  EXPECT_EQ(view.n_fields, 2u);
  EXPECT_EQ(view.fields[1].key, 8);
  EXPECT_EQ(batch->first()->payload(), "payload");
  EXPECT_EQ(view.base + view.data_len, room.extra + 16);
  EXPECT_EQ(room.extra[15], 0x5a) << "what follows leaves it alone";
}

TEST_F(MessageWriterTest, PadsEachPayloadWithReadableZeros) {
  for (size_t size = 0; size < 20; ++size) {
    writer_.Begin({});
    Write(std::string(size, 'x'));
    const MessageBatchRef batch = writer_.Finish();
    const weir_msg& view = batch->first()->view;
    for (size_t i = 0; i < MessageWriter::kPadding; ++i) {
      ASSERT_EQ(view.base[size + i], 0) << "after " << size << " bytes";
    }
  }
}

TEST_F(MessageWriterTest, LeavesOutWhatIsAbandoned) {
  writer_.Begin({});
  Write("a");
  writer_.Reserve("no message", 0, 0);
  writer_.Abandon();
  Write("b");
  EXPECT_THAT(Payloads(writer_.Finish()), ElementsAre("a", "b"));
}

TEST_F(MessageWriterTest, CompletesAnEmptyBatchAtOnce) {
  std::optional<Outcome> outcome;
  writer_.Begin(Receipt([&](Outcome o) { outcome = o; }));
  EXPECT_FALSE(writer_.Finish());
  EXPECT_EQ(outcome, Outcome::kAllProcessed);
}

TEST_F(MessageWriterTest, SharesASlabAmongSmallBatches) {
  std::vector<MessageBatchRef> batches;
  for (int i = 0; i < 100; ++i) {
    writer_.Begin({});
    Write("small");
    batches.push_back(writer_.Finish());
  }
  EXPECT_EQ(pool_.held_bytes(), SlabPool::kSlabBytes);
}

TEST_F(MessageWriterTest, SpreadsALargeBatchOverSlabsAndGivesThemBack) {
  {
    MessageWriter writer(pool_);
    writer.Begin({});
    const std::string payload(SlabPool::kSlabBytes / 3, 'x');
    for (int i = 0; i < 10; ++i) {
      writer.Reserve(payload, 0, 0);
      writer.Commit(0, 0);
    }
    const MessageBatchRef batch = writer.Finish();
    EXPECT_EQ(Payloads(batch), std::vector<std::string>(10, payload));
    EXPECT_EQ(pool_.held_bytes(), 5 * SlabPool::kSlabBytes);
  }
  EXPECT_EQ(pool_.held_bytes(), 0u);
}

TEST_F(MessageWriterTest, TakesAMessageThatIsLargerThanASlab) {
  writer_.Begin({});
  const std::string payload(3 * SlabPool::kSlabBytes, 'x');
  Write("before");
  Write(payload);
  Write("after");
  EXPECT_THAT(Payloads(writer_.Finish()),
              ElementsAre("before", payload, "after"));
}

TEST_F(MessageWriterTest, SaysLostOfABatchThatItDidNotFinish) {
  std::optional<Outcome> outcome;
  {
    MessageWriter writer(pool_);
    writer.Begin(Receipt([&](Outcome o) { outcome = o; }));
  }
  EXPECT_EQ(outcome, Outcome::kSomeLost);
}

}  // namespace
}  // namespace weir
