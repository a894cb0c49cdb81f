// Scripts of what may come while what, on one thread and without gRPC: a write
// that is done, news, an end and a client that goes, in any order.
#include "host/rpc/stream_pump.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/event_stream.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = StreamItem::Kind;

// A log that a test writes, and one stream that reads it; as Stream, it calls
// its listener only if it was asked in vain before.
struct Source {
  uint64_t head = 0;
  uint64_t read = 0;
  bool ends = false;
  absl::Status forced_end;
  bool asked_in_vain = false;
  bool outstanding = false;  // An item that was not written yet.
  bool gone = false;
  std::vector<std::string> faults;
  std::function<void()> ready = [] {};

  void Append() {
    ++head;
    Ring();
  }
  void End() {
    ends = true;
    Ring();
  }
  void Ring() {
    if (gone || !std::exchange(asked_in_vain, false)) return;
    ready();
  }
};

class SourceStream final : public EventStream {
 public:
  explicit SourceStream(Source& source) : source_(source) {}
  ~SourceStream() override { source_.gone = true; }

  bool Next(StreamItem* item) override {
    if (source_.outstanding) {
      source_.faults.emplace_back("asked while an item is written");
    }
    *item = StreamItem();
    if (source_.read < source_.head) {
      item->kind = Kind::kEvents;
      item->batch_index = ++source_.read;
      source_.outstanding = true;
      return true;
    }
    if (source_.ends) {
      item->kind = Kind::kEnd;
      item->end = absl::UnavailableError("the host stops");
      return true;
    }
    source_.asked_in_vain = true;
    return false;
  }
  absl::Status forced_end() const override { return source_.forced_end; }
  void OnWritten(uint64_t bytes) override {
    if (!source_.outstanding) source_.faults.emplace_back("written twice");
    if (bytes != 7) source_.faults.emplace_back("not what was written");
    source_.outstanding = false;
  }

 private:
  Source& source_;
};

class ScriptedSink final : public StreamSink {
 public:
  void Write(const StreamItem& item) override {
    if (pending || ended) faults.emplace_back("written meanwhile");
    written.push_back(item.batch_index);
    pending = true;
    if (on_write) on_write();
  }
  void Finish(const absl::Status& status) override {
    if (ended) faults.emplace_back("ended twice");
    ended = true;
    end = status;
  }
  void BreakOff(const absl::Status& why) override { broken_off = why; }

  bool pending = false;
  bool ended = false;
  absl::Status end, broken_off;
  std::vector<uint64_t> written;
  std::vector<std::string> faults;
  std::function<void()> on_write;
};

class StreamPumpTest : public testing::Test {
 protected:
  StreamPumpTest() {
    source_.ready = [this] { pump_.OnReady(); };
    pump_.Attach(std::make_unique<SourceStream>(source_));
  }
  ~StreamPumpTest() override {
    EXPECT_THAT(source_.faults, IsEmpty());
    EXPECT_THAT(sink_.faults, IsEmpty());
  }

  void WriteDone() {
    sink_.pending = false;
    pump_.OnWritten(7);
  }

  Source source_;
  ScriptedSink sink_;
  StreamPump pump_{sink_};
};

TEST_F(StreamPumpTest, WritesWhatComesWhileNothingIsWritten) {
  source_.Append();
  EXPECT_THAT(sink_.written, ElementsAre(1));
}

TEST_F(StreamPumpTest, WritesWhatCameWhileSomethingWasWritten) {
  source_.Append();
  source_.Append();
  EXPECT_THAT(sink_.written, ElementsAre(1)) << "one at a time";
  WriteDone();
  EXPECT_THAT(sink_.written, ElementsAre(1, 2));
  WriteDone();
  source_.Append();
  EXPECT_THAT(sink_.written, ElementsAre(1, 2, 3));
}

TEST_F(StreamPumpTest, AWriteMayBeDoneBeforeItReturns) {
  sink_.on_write = [this] {
    if (source_.head < 5) source_.Append();
    WriteDone();
  };
  source_.Append();
  EXPECT_THAT(sink_.written, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(StreamPumpTest, EndsOnceAfterWhatIsBeingWritten) {
  source_.Append();
  source_.End();
  EXPECT_FALSE(sink_.ended);
  WriteDone();
  EXPECT_TRUE(sink_.ended);
  EXPECT_EQ(sink_.end, absl::UnavailableError("the host stops"));
  pump_.Finish(absl::CancelledError("late"));
  source_.Append();
  EXPECT_THAT(sink_.written, ElementsAre(1)) << "nothing comes after the end";
}

TEST_F(StreamPumpTest, BreaksOffAWriteOnlyIfTheCallMustEnd) {
  source_.Append();
  pump_.OnReady();
  EXPECT_EQ(sink_.broken_off, absl::OkStatus());
  source_.forced_end = absl::AbortedError("taken over");
  pump_.OnReady();
  EXPECT_EQ(sink_.broken_off, absl::AbortedError("taken over"));
}

TEST_F(StreamPumpTest, LetsGoOfTheStreamThoughAWriteIsPending) {
  source_.Append();
  pump_.Detach();
  EXPECT_TRUE(source_.gone) << "its lease is free";
  pump_.Finish(absl::CancelledError("gone"));
  source_.outstanding = false;
  WriteDone();  // Perhaps minutes later.
  EXPECT_THAT(sink_.written, ElementsAre(1));
  EXPECT_TRUE(sink_.ended);
}

// Any order of appends, finished writes and idle calls of the listener leaves
// nothing lying once writes are done.
TEST(StreamPumpScriptsTest, NoOrderLeavesAnEventLying) {
  constexpr int kSteps = 8;
  for (int script = 0; script < (1 << (2 * kSteps)); ++script) {
    Source source;
    ScriptedSink sink;
    StreamPump pump(sink);
    source.ready = [&] { pump.OnReady(); };
    const auto write_done = [&] {
      sink.pending = false;
      pump.OnWritten(7);
    };
    pump.Attach(std::make_unique<SourceStream>(source));
    for (int i = 0; i < kSteps; ++i) {
      switch ((script >> (2 * i)) & 3) {
        case 0:
          source.Append();
          break;
        case 1:
          if (sink.pending) write_done();
          break;
        case 2:
          pump.OnReady();
          break;
        case 3:
          if (!sink.pending) break;
          // News come in between, as from another thread.
          source.outstanding = false;
          source.Append();
          source.outstanding = true;
          write_done();
          break;
      }
    }
    while (sink.pending) write_done();
    ASSERT_EQ(sink.written.size(), source.head) << "script " << script;
    ASSERT_THAT(source.faults, IsEmpty()) << "script " << script;
    ASSERT_THAT(sink.faults, IsEmpty()) << "script " << script;
  }
}

}  // namespace
}  // namespace weir
