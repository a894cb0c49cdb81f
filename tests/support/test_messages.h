#ifndef WEIR_TESTS_SUPPORT_TEST_MESSAGES_H_
#define WEIR_TESTS_SUPPORT_TEST_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"

namespace weir {

// What dispatch gets its messages from, without a source and a decoder: the
// name tables, the pool, and messages that are numbered from 1 on. Not
// thread-safe; each thread that makes messages has its own TestWriter.
struct TestTables {
  TestTables() { InternWellKnownTypes(types); }

  NameTable types;
  NameTable sources;
  SlabPool pool;
};

class TestWriter {
 public:
  // `source` is the name of the source that all messages are from.
  explicit TestWriter(TestTables& tables, absl::string_view source = "test",
                      uint64_t first_seq = 1)
      : tables_(tables),
        writer_(tables.pool),
        source_(tables.sources.Intern(source)),
        seq_(first_seq) {}

  // Of the message that it writes next.
  uint64_t next_seq() const { return seq_; }

  // Returns a batch with one message of each of `types`.
  MessageBatchRef Batch(const std::vector<absl::string_view>& types,
                        Receipt receipt = {}) {
    writer_.Begin(std::move(receipt));
    for (const absl::string_view type : types) Add(tables_.types.Intern(type));
    return writer_.Finish();
  }

  // Returns a batch of `n` messages of the type UPDATE.
  MessageBatchRef Updates(size_t n, Receipt receipt = {}) {
    writer_.Begin(std::move(receipt));
    for (size_t i = 0; i < n; ++i) Add(kTypeUpdate);
    return writer_.Finish();
  }

  // What the next message's payload is; its size is what counts.
  void set_payload(std::string payload) { payload_ = std::move(payload); }

 private:
  void Add(uint16_t type) {
    const MessageWriter::Room room = writer_.Reserve(payload_, 0, 0);
    room.message->view.type_id = type;
    room.message->view.source_id = source_;
    room.message->view.seq = seq_++;
    writer_.Commit(0, 0);
  }

  TestTables& tables_;
  MessageWriter writer_;
  const uint16_t source_;
  uint64_t seq_;
  std::string payload_ = "{}";
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_TEST_MESSAGES_H_
