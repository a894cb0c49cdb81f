#include "host/decode/decode_stage.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/source_stats.h"
#include "host/decode/decoder.h"
#include "host/decode/message_text.h"
#include "host/decode/opaque_decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/pipeline/event.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kUpdate[] =
    R"({"type":"ris_message","data":{"timestamp":100.5,"type":"UPDATE"}})";
constexpr char kNew[] =
    R"({"type":"ris_message","data":{"timestamp":101,"type":"NEW"}})";
constexpr char kPong[] = R"({"type":"pong"})";
constexpr char kError[] =
    R"({"type":"ris_error","data":{"message":"too \"slow\"\n"}})";

// Keeps what it is given.
class KeptMessages final : public MessageSink {
 public:
  void Dispatch(MessageBatchRef batch) override {
    batches.push_back(std::move(batch));
  }
  bool Wanted(uint16_t type_id) const override {
    return type_id != kTypeRaw || want_raw;
  }

  bool want_raw = false;
  std::vector<MessageBatchRef> batches;
};

class DecodeStageTest : public testing::Test {
 protected:
  DecodeStageTest() { InternWellKnownTypes(types_); }

  std::unique_ptr<DecodeStage> Stage(std::unique_ptr<Decoder> decoder) {
    return std::make_unique<DecodeStage>(
        DecodeStageOptions{
            .source = "sources/test", .source_id = 7, .samples = 2},
        std::move(decoder),
        DecodeStage::Parts{
            pool_, types_, last_seq_, sink_,
            [this](absl::string_view text) { said_.emplace_back(text); },
            clock_});
  }

  std::unique_ptr<DecodeStage> RisLive() {
    return Stage(std::make_unique<RisLiveDecoder>(types_));
  }

  // Hands `frames` over, as read 103 s after the epoch.
  void Accept(DecodeStage& stage, std::vector<absl::string_view> frames,
              Receipt receipt = {}) {
    FrameBatch batch = {.frames = std::move(frames),
                        .received_at = absl::FromUnixSeconds(103),
                        .receipt = std::move(receipt)};
    stage.Accept(batch);
  }

  // "UPDATE 1 ...": type, number and payload of each message handed on.
  std::vector<std::string> Messages() const {
    std::vector<std::string> result;
    for (const MessageBatchRef& batch : sink_.batches) {
      for (const Message* m = batch->first(); m != nullptr; m = m->next) {
        result.push_back(absl::StrCat(types_.Name(m->view.type_id), " ",
                                      m->view.seq, " ", m->payload()));
      }
    }
    return result;
  }

  SlabPool pool_;
  NameTable types_;
  std::atomic<uint64_t> last_seq_{0};
  KeptMessages sink_;
  std::vector<std::string> said_;
  FakeClock clock_;
};

TEST_F(DecodeStageTest, FinishesAndHandsOnEachMessage) {
  const auto stage = RisLive();
  Accept(*stage, {kUpdate, kPong, kNew});
  Accept(*stage, {kUpdate});

  EXPECT_THAT(Messages(), ElementsAre(absl::StrCat("UPDATE 1 ", kUpdate),
                                      absl::StrCat("NEW 2 ", kNew),
                                      absl::StrCat("UPDATE 3 ", kUpdate)));
  const weir_msg& view = sink_.batches[0]->first()->view;
  EXPECT_EQ(view.source_id, 7);
  EXPECT_EQ(view.recv_ns, 103'000'000'000);
  EXPECT_EQ(view.ts_ns, 100'500'000'000);
}

TEST_F(DecodeStageTest, ShowsTheRawTapEachPayloadFirstBadOnesToo) {
  const auto stage = RisLive();
  sink_.want_raw = true;
  Accept(*stage, {kUpdate, "bad", kPong});

  EXPECT_THAT(Messages(),
              ElementsAre(absl::StrCat("RAW 1 ", kUpdate),
                          absl::StrCat("UPDATE 2 ", kUpdate), "RAW 3 bad",
                          absl::StrCat("RAW 4 ", kPong)));
  EXPECT_EQ(stage->Read().messages, 1);
  EXPECT_THAT(stage->Read().messages_by_type, ElementsAre(Pair("UPDATE", 1)));
}

// What a stream says of a message: its time, unless the payload has one of its
// own, and whether it was delivered before; also of what the raw tap is shown.
TEST_F(DecodeStageTest, SetsWhatTheSourceSaysOfAFrame) {
  const auto stage = RisLive();
  sink_.want_raw = true;
  FrameBatch batch = {.frames = {kUpdate, kNew, "bad", kUpdate},
                      .notes = {{.time_ns = 1, .redelivered = true},
                                {.time_ns = 2, .redelivered = false},
                                {.time_ns = 3, .redelivered = true},
                                {.time_ns = 4, .redelivered = true}}};
  stage->Accept(batch);
  std::vector<std::string> got;
  for (const Message* m = sink_.batches[0]->first(); m != nullptr;
       m = m->next) {
    got.push_back(absl::StrCat(types_.Name(m->view.type_id), " ", m->view.ts_ns,
                               " ", m->view.flags));
  }
  EXPECT_THAT(got, ElementsAre("RAW 1 1", "UPDATE 100500000000 1", "RAW 2 0",
                               ::testing::StartsWith("NEW "), "RAW 3 1",
                               "RAW 4 1", "UPDATE 100500000000 1"));
}

TEST_F(DecodeStageTest, CountsWhatBecameOfEachPayload) {
  const auto stage = RisLive();
  Accept(*stage, {kUpdate, "bad", kUpdate, kPong, "", kNew, kError});
  const SourceStats stats = stage->Read();

  EXPECT_EQ(stats.name, "sources/test");
  EXPECT_EQ(stats.messages, 3);
  EXPECT_THAT(stats.messages_by_type,
              ElementsAre(Pair("NEW", 1), Pair("UPDATE", 2)));
  EXPECT_EQ(stats.parse_errors, 1);
  EXPECT_THAT(stats.skipped_by_reason,
              ElementsAre(Pair("empty", 1), Pair("not_a_message", 2),
                          Pair("parse_error", 1)));
  EXPECT_EQ(stats.unknown_types, 1);
  EXPECT_EQ(stats.upstream_errors, 1);
  EXPECT_EQ(stats.bytes, 2 * sizeof(kUpdate) + sizeof(kPong) + sizeof(kNew) +
                             sizeof(kError) - 5 + 3);
  EXPECT_EQ(stats.decode.count, 3);
}

TEST_F(DecodeStageTest, TellsHowFarTheSourceIsBehind) {
  const auto stage = RisLive();
  EXPECT_EQ(stage->newest_event_time(), absl::InfinitePast());
  EXPECT_EQ(stage->last_message_time(), absl::InfinitePast());
  Accept(*stage, {kNew, kUpdate});

  EXPECT_EQ(stage->newest_event_time(), absl::FromUnixSeconds(101));
  EXPECT_EQ(stage->last_message_time(), absl::FromUnixSeconds(103));
  EXPECT_EQ(stage->Read().lag, absl::Seconds(2));
  EXPECT_EQ(stage->Read().lag_distribution.count, 1);
}

TEST_F(DecodeStageTest, ShowsNoLagIfTheSourcesClockIsAhead) {
  const auto stage = RisLive();
  Accept(*stage,
         {R"({"type":"ris_message","data":{"timestamp":200,"type":"OPEN"}})"});
  EXPECT_EQ(stage->Read().lag, absl::ZeroDuration());
}

TEST_F(DecodeStageTest, KeepsTheLastBadPayloadsCut) {
  const auto stage = RisLive();
  const std::string large(1000, 'x');
  Accept(*stage, {"first", "second", "third"});
  Accept(*stage, {large});
  EXPECT_THAT(stage->Read().bad_samples,
              ElementsAre("third", large.substr(0, DecodeStage::kSampleBytes)));
}

TEST_F(DecodeStageTest, MakesAnEventOfWhatTheServerSays) {
  const auto stage = RisLive();
  Accept(*stage, {kError});
  EXPECT_THAT(said_, ElementsAre("too \"slow\"\n"));
}

// Finds the payload's own bytes to be the reason.
class Refuser final : public Decoder {
 public:
  Decoded Decode(absl::string_view payload, MessageWriter&) override {
    return {.verdict = Decoded::Verdict::kParseError,
            .text = absl::StrCat("it is ", payload),
            .reason = std::string(payload)};
  }
};

TEST_F(DecodeStageTest, CountsBadPayloadsByTheirReasonAndTellsTheFirst) {
  const auto stage = Stage(std::make_unique<Refuser>());
  Accept(*stage, {"late", "gob", "late"});
  Accept(*stage, {"gob"});
  const SourceStats stats = stage->Read();
  EXPECT_EQ(stats.parse_errors, 4u);
  EXPECT_THAT(stats.skipped_by_reason,
              ElementsAre(Pair("gob", 2), Pair("late", 2)));
  EXPECT_THAT(said_, ElementsAre("late: it is late", "gob: it is gob"));
}

TEST_F(DecodeStageTest, CompletesABatchWhenItsMessagesAreLetGo) {
  const auto stage = RisLive();
  std::vector<Outcome> outcomes;
  Accept(*stage, {kUpdate},
         Receipt([&](Outcome outcome) { outcomes.push_back(outcome); }));
  Accept(*stage, {kUpdate},
         Receipt([&](Outcome outcome) { outcomes.push_back(outcome); }));
  EXPECT_THAT(outcomes, IsEmpty());
  EXPECT_EQ(stage->Read().open_batches, 2);

  sink_.batches[0]->MarkHandled();
  sink_.batches[1]->MarkLost();
  sink_.batches.clear();
  EXPECT_THAT(outcomes,
              ElementsAre(Outcome::kAllProcessed, Outcome::kSomeLost));
  EXPECT_EQ(stage->Read().open_batches, 0);
  EXPECT_EQ(stage->Read().completed_batches, 1);
  EXPECT_EQ(stage->Read().incomplete_batches, 1);
}

TEST_F(DecodeStageTest, CompletesABatchOfWhichNothingRemains) {
  const auto stage = RisLive();
  std::vector<Outcome> outcomes;
  Accept(*stage, {kPong, "bad"},
         Receipt([&](Outcome outcome) { outcomes.push_back(outcome); }));
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kAllProcessed));
  EXPECT_THAT(sink_.batches, IsEmpty());
}

TEST_F(DecodeStageTest, LetsABatchOutliveIt) {
  auto stage = RisLive();
  Accept(*stage, {kUpdate});
  stage.reset();
  EXPECT_EQ(sink_.batches[0]->first()->payload(), kUpdate);
  sink_.batches.clear();
}

TEST_F(DecodeStageTest, TakesAnyDecoder) {
  const auto stage = Stage(std::make_unique<OpaqueDecoder>(types_, ""));
  Accept(*stage, {"a", "", "{"});
  EXPECT_THAT(Messages(), ElementsAre("FRAME 1 a", "FRAME 2 ", "FRAME 3 {"));
  EXPECT_EQ(stage->Read().unknown_types, 0);
}

TEST_F(DecodeStageTest, NamesTheTypeOfAMessageAfterWhereItWasSentTo) {
  FrameBatch batch = {.frames = {"x", "y", "z", "raw"},
                      .subjects = {"a.b", "a.b", "\xff", ""}};
  Stage(std::make_unique<OpaqueDecoder>(types_, ""))->Accept(batch);
  EXPECT_THAT(Messages(),
              ElementsAre("a.b 1 x", "a.b 2 y", "OTHER 3 z", "FRAME 4 raw"));
  sink_.batches.clear();
  FrameBatch again = {.frames = {"x"}, .subjects = {"a.b"}};
  Stage(std::make_unique<OpaqueDecoder>(types_, "order"))->Accept(again);
  EXPECT_THAT(Messages(), ElementsAre("order 5 x"));
}

TEST_F(DecodeStageTest, CountsTypesThatNoTableHolds) {
  for (size_t i = types_.size(); i < NameTable::kMaxNames; ++i) {
    types_.Intern(absl::StrCat("t", i));
  }
  const auto stage = Stage(std::make_unique<OpaqueDecoder>(types_, ""));
  FrameBatch batch = {.frames = {"x", "y"}, .subjects = {"new.1", "t1000"}};
  stage->Accept(batch);
  EXPECT_THAT(Messages(), ElementsAre("OTHER 1 x", "t1000 2 y"));
  EXPECT_EQ(stage->Read().unknown_types, 1);
}

TEST_F(DecodeStageTest, CanBeReadWhileItWorks) {
  const auto stage = RisLive();
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t last = 0;
    while (!done.load()) {
      const SourceStats stats = stage->Read();
      EXPECT_GE(stats.messages, last);
      EXPECT_EQ(stats.messages * sizeof(kUpdate), stats.bytes + stats.messages);
      last = stats.messages;
    }
  });
  for (int i = 0; i < 1000; ++i) Accept(*stage, {kUpdate, kUpdate});
  done.store(true);
  reader.join();
  EXPECT_EQ(stage->Read().messages, 2000);
}

TEST_F(DecodeStageTest, DescribesAnOpenAndANotification) {
  const auto stage = RisLive();
  Accept(
      *stage,
      {R"({"type":"ris_message","data":{"peer":"192.0.2.1","peer_asn":"64496",)"
       R"("host":"rrc00","type":"OPEN","direction":"sent","asn":12654,)"
       R"("hold_time":180,"router_id":"192.0.2.9"}})",
       R"({"type":"ris_message","data":{"peer":"::1","peer_asn":"64497",)"
       R"("type":"NOTIFICATION","notification":{"code":6,"subcode":5}}})"});
  const Message* const open = sink_.batches[0]->first();
  EXPECT_EQ(DescribeSession(*open),
            "OPEN sent from 192.0.2.1 AS64496 at rrc00, AS12654, hold time "
            "180, router 192.0.2.9");
  EXPECT_EQ(DescribeSession(*open->next),
            "NOTIFICATION from ::1 AS64497, code 6 subcode 5");
}

}  // namespace
}  // namespace weir
