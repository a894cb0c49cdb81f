// What a stream and the broker read of the log, they read one after the other,
// and events come in between. Here one comes at each such place in turn, on one
// thread and on virtual time: before and after each look at the log, while a
// stream is read and while the broker looks after it. Wherever it comes, it is
// seen within the linger, and never by the backstop or a heartbeat.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/broker/memory_log.h"
#include "host/broker/writable_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/broker_fixture.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using Kind = StreamItem::Kind;

// A log that tells of each look at it, before and after.
class WatchedLog final : public WritableLog {
 public:
  WatchedLog(const EventCodec& codec, const Clock& clock,
             std::function<void()> on_look)
      : log_(SmallChunks(), {.epoch = kEpoch}, codec, clock),
        on_look_(std::move(on_look)) {}

  void SetListener(OnVisible on_visible) override {
    log_.SetListener(std::move(on_visible));
  }
  absl::StatusOr<uint64_t> Append(Event event) override {
    return log_.Append(std::move(event));
  }
  absl::StatusOr<uint64_t> AppendAll(std::vector<Event> events) override {
    return log_.AppendAll(std::move(events));
  }
  void EvictOld() override { log_.EvictOld(); }
  Retention retention() const override { return log_.retention(); }
  uint64_t appended_events() const override { return log_.appended_events(); }
  uint64_t appended_bytes() const override { return log_.appended_bytes(); }
  const std::string& epoch() const override { return log_.epoch(); }
  LogBounds bounds() const override {
    on_look_();
    const LogBounds bounds = log_.bounds();
    on_look_();
    return bounds;
  }
  View Find(uint64_t seq) const override {
    on_look_();
    const View view = log_.Find(seq);
    on_look_();
    return view;
  }
  std::optional<uint64_t> FirstAtOrAfter(absl::Time time) const override {
    return log_.FirstAtOrAfter(time);
  }

 private:
  static MemoryLogOptions SmallChunks() {
    MemoryLogOptions options;
    options.chunk_events = 2;  // So that many looks are at the edge of one.
    options.chunk_bytes = 1024;
    return options;
  }

  MemoryLog log_;
  const std::function<void()> on_look_;
};

// One play of the script.
class Play {
 public:
  static constexpr int kSteps = 5;

  // Events come at these looks, counted from the first after the stream was
  // opened at the head of the log. The script ends after `steps`: what came
  // before may be seen only because something comes after it.
  Play(StreamOptions options, bool reads_in_listener, int steps,
       std::vector<int> at)
      : reads_in_listener_(reads_in_listener), at_(std::move(at)) {
    clock_.Advance(absl::Hours(1));
    auto log = std::make_unique<WatchedLog>(codec_, clock_, [this] { Look(); });
    broker_ = std::make_unique<Broker>(BrokerOptions(), std::move(log), codec_,
                                       clock_);
    auto stream = broker_->Open(std::move(options), [this] { OnReady(); });
    EXPECT_THAT(stream, IsOk());
    stream_ = *std::move(stream);
    scripted_ = true;
    Read();
    Serve();
    Run(steps);
    scripted_ = false;
    Settle();
  }

  int looks() const { return looks_; }
  uint64_t published() const { return published_; }
  const std::vector<uint64_t>& seen() const { return seen_; }
  const std::string& cursor() const { return cursor_; }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  // Live events, held ones, a silence, and the end of a hold in which nothing
  // came: what a stream goes through.
  void Run(int steps) {
    for (int step = 0; step < steps; ++step) {
      if (step == 2 || step == 4) clock_.Advance(kLinger);
      if (step == 3) clock_.Advance(10 * kLinger);
      if (step != 2 && step != 4) Publish();
      Serve();
    }
  }

  // What the broker's thread does now, and the one that reads.
  void Serve() {
    for (int i = 0; i < 20; ++i) {
      const bool ticked = broker_->TickIfDue();
      if (called_) Read();
      if (!ticked) return;
    }
    faults_.emplace_back("it ticks for ever");
  }
  // Long enough for what is held, not for a heartbeat.
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      Serve();
      clock_.Advance(kLinger);
    }
    Serve();
  }

  void OnReady() {
    called_ = true;
    if (reads_in_listener_) Read();
  }

  void Read() {
    called_ = false;
    StreamItem item;
    while (stream_->Next(&item)) {
      for (const uint64_t seq : SeqsOf(item)) seen_.push_back(seq);
      if (item.kind == Kind::kHeartbeat) faults_.emplace_back("a heartbeat");
      const std::string newest = Id(seen_.empty() ? 0 : seen_.back());
      if (item.cursor != newest) {
        faults_.push_back(absl::StrCat("cursor ", item.cursor, " at ", newest));
      }
      cursor_ = item.cursor;
      stream_->OnWritten(1);
    }
  }

  void Look() {
    if (!scripted_ || publishing_) return;
    for (const int at : at_) {
      if (looks_ == at) Publish();
    }
    ++looks_;
  }

  void Publish() {
    publishing_ = true;
    Event event;
    event.type = "a.b";
    event.source = "host";
    EXPECT_THAT(broker_->Publish(std::move(event)), IsOk());
    ++published_;
    publishing_ = false;
  }

  static constexpr absl::Duration kLinger = absl::Milliseconds(10);

  const bool reads_in_listener_;
  const std::vector<int> at_;
  FakeClock clock_;
  const FakeEventCodec codec_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<EventStream> stream_;  // Before the broker.
  bool scripted_ = false;
  bool publishing_ = false;
  bool called_ = false;
  int looks_ = 0;
  uint64_t published_ = 0;
  std::vector<uint64_t> seen_;
  std::string cursor_;
  std::vector<std::string> faults_;
};

struct Way {
  const char* name;
  absl::Duration max_delay;
  uint32_t max_events;
  bool reads_in_listener;
};

class StreamInterleavingTest : public testing::TestWithParam<Way> {
 protected:
  static StreamOptions Options() {
    StreamOptions options;
    options.batch.max_delay = GetParam().max_delay;
    options.batch.max_events = GetParam().max_events;
    return options;
  }
  static int Looks(int steps) {
    return Play(Options(), GetParam().reads_in_listener, steps, {}).looks();
  }
  static void Check(int steps, const std::vector<int>& at) {
    const Play play(Options(), GetParam().reads_in_listener, steps, at);
    std::vector<uint64_t> all;
    for (uint64_t seq = 1; seq <= play.published(); ++seq) all.push_back(seq);
    const std::string when =
        absl::StrCat("an event at ", testing::PrintToString(at), ", ", steps,
                     " steps of the script");
    ASSERT_EQ(play.seen(), all) << when;
    ASSERT_EQ(play.cursor(), Id(play.published())) << when;
    ASSERT_THAT(play.faults(), testing::IsEmpty()) << when;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Ways, StreamInterleavingTest,
    testing::Values(
        Way{"Lingering", absl::Milliseconds(10), 100, false},
        Way{"AtOnce", absl::ZeroDuration(), 100, false},
        Way{"OneByOne", absl::Milliseconds(10), 1, false},
        Way{"LingeringInTheListener", absl::Milliseconds(10), 100, true},
        Way{"AtOnceInTheListener", absl::ZeroDuration(), 100, true}),
    [](const auto& way) { return way.param.name; });

TEST_P(StreamInterleavingTest, AnEventIsSeenWhereverItComes) {
  for (int steps = 0; steps <= Play::kSteps; ++steps) {
    const int looks = Looks(steps);
    ASSERT_GT(looks, 5 * (steps + 1)) << "a script without looks shows nothing";
    for (int at = 0; at < looks; ++at) {
      ASSERT_NO_FATAL_FAILURE(Check(steps, {at}));
    }
  }
}

TEST_P(StreamInterleavingTest, TwoEventsAreSeenWhereverTheyCome) {
  for (int steps = 0; steps <= Play::kSteps; ++steps) {
    const int looks = Looks(steps);
    for (int first = 0; first < looks; ++first) {
      for (int second = first; second < looks; ++second) {
        ASSERT_NO_FATAL_FAILURE(Check(steps, {first, second}));
      }
    }
  }
}

}  // namespace
}  // namespace weir
