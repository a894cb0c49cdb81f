#ifndef WEIR_TESTS_HOST_BROKER_BROKER_FIXTURE_H_
#define WEIR_TESTS_HOST_BROKER_BROKER_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"

namespace weir {

inline constexpr char kEpoch[] = "7k2mq9xv";

// The ID of position `seq` of the fixture's log.
inline std::string Id(uint64_t seq) { return absl::StrCat(kEpoch, "-", seq); }

// The numbers of the events in `item`.
inline std::vector<uint64_t> SeqsOf(const StreamItem& item) {
  std::vector<uint64_t> seqs;
  for (const SharedBytes& piece : item.pieces) {
    for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
      seqs.push_back(line.seq);
    }
  }
  return seqs;
}

// What attached information says of an error, or nothing.
inline ErrorInfo InfoOf(const absl::Status& status) {
  return GetErrorInfo(status).value_or(ErrorInfo());
}

// A broker with small chunks, on a clock that stands still: time passes and the
// broker looks after its streams when a test says so.
class BrokerTest : public testing::Test {
 protected:
  using Kind = StreamItem::Kind;

  static BrokerOptions SmallOptions() {
    BrokerOptions options;
    options.log.chunk_events = 4;
    options.log.chunk_bytes = 1024;
    options.log.ring_events = 1000;
    return options;
  }

  explicit BrokerTest(BrokerOptions options = SmallOptions())
      : broker_(options, kEpoch, codec_, clock_) {
    clock_.Advance(absl::Hours(1));
  }

  // Publishes `n` events of `type`.
  void Publish(int n, absl::string_view type = "a.b") {
    for (int i = 0; i < n; ++i) {
      Event event;
      event.type = std::string(type);
      event.source = "plugins/test";
      event.subject = "192.0.2.0/24";
      event.json = R"({"n":1})";
      event.labels = {{"k", "v"}};
      EXPECT_TRUE(broker_.Publish(std::move(event)).ok());
    }
  }

  // Opens a stream, which must work. `ready` counts its calls into calls_.
  std::unique_ptr<EventStream> Open(StreamOptions options = {}) {
    auto stream = broker_.Open(std::move(options), [this] { ++calls_; });
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  static StreamOptions From(StartPosition::Kind kind) {
    StreamOptions options;
    options.start.kind = kind;
    return options;
  }
  static StreamOptions After(std::string id) {
    StreamOptions options = From(StartPosition::Kind::kAfterId);
    options.start.after_id = std::move(id);
    return options;
  }
  static StreamOptions Only(
      absl::string_view type,
      StreamOptions options = From(StartPosition::Kind::kEarliest)) {
    options.filters.emplace_back().types = {std::string(type)};
    return options;
  }

  // Everything that `stream` has to say now.
  static std::vector<StreamItem> Drain(EventStream& stream) {
    std::vector<StreamItem> items;
    StreamItem item;
    while (items.size() < 10000 && stream.Next(&item)) {
      stream.OnWritten(100);
      items.push_back(item);
      if (item.kind == Kind::kEnd) break;
    }
    return items;
  }

  static std::vector<uint64_t> SeqsIn(const std::vector<StreamItem>& items) {
    std::vector<uint64_t> all;
    for (const StreamItem& item : items) {
      for (const uint64_t seq : SeqsOf(item)) all.push_back(seq);
    }
    return all;
  }

  static std::vector<Kind> KindsOf(const std::vector<StreamItem>& items) {
    std::vector<Kind> kinds;
    for (const StreamItem& item : items) kinds.push_back(item.kind);
    return kinds;
  }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    broker_.Tick();
  }

  FakeClock clock_;
  FakeEventCodec codec_;
  int calls_ = 0;
  Broker broker_;
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_BROKER_BROKER_FIXTURE_H_
