#include "host/plugin/in_process_handler.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/support/status_matchers.h"
#include "weir/plugin_services.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A plugin of this binary: throws or fails where it is told to.
struct Script {
  std::set<uint64_t> errors_at, throws_at;
  bool batches = true;
  uint32_t max_batch = 256;
  bool keeps_done = true;
  const weir_host* host = nullptr;  // Whose deadline it asks for in create.
  FakeClock* clock = nullptr;       // Each message takes 3 s of it.
  std::vector<int64_t> seconds_left;
  std::vector<uint64_t> handled;
  std::vector<int> flags;
  std::vector<uint32_t> batches_seen;
};
Script* script = nullptr;

const weir_ext_deadline* Deadline(const weir_host* host) {
  return static_cast<const weir_ext_deadline*>(
      host->get_ext(host->ctx, WEIR_EXT_DEADLINE));
}

weir_status Create(const weir_host* host, weir_str config, void** self,
                   weir_err* err) {
  if (script->clock != nullptr) {
    script->host = host;
    Deadline(host);
  }
  const std::string text(config.data, config.len);
  if (text == "throw") throw std::runtime_error("peers[3]: not a number");
  if (text == "throw int") throw 42;
  if (text == "refuse") {
    std::strcpy(err->text, "peers: missing");
    err->len = 14;
    return WEIR_INVALID;
  }
  if (text == "lie") {
    err->len = 1 << 30;
    err->text[0] = 'x';
    return WEIR_ERR;
  }
  *self = script;
  return WEIR_OK;
}
void Destroy(void*) { throw 42; }
int64_t Capacity(void*) { throw 42; }
int32_t Wants(void*, weir_str type) {
  if (type.len == 5) throw 42;
  return type.len == 6 ? 1 : -1;
}
weir_status Handle(void*, const weir_msg* message) {
  if (script->throws_at.count(message->seq) > 0) throw 42;
  if (script->errors_at.count(message->seq) > 0) return WEIR_ERR;
  script->handled.push_back(message->seq);
  if (script->clock != nullptr) {
    script->clock->Advance(absl::Seconds(3));
    script->seconds_left.push_back(
        Deadline(script->host)->time_left_ns(script->host->ctx) /
        1'000'000'000);
  }
  script->flags.push_back(message->flags);
  return WEIR_OK;
}
weir_status HandleBatch(void* self, const weir_msg* const* messages, uint32_t n,
                        uint32_t* done) {
  script->batches_seen.push_back(n);
  for (uint32_t i = 0; i < n; ++i) {
    const weir_status status = Handle(self, messages[i]);
    if (status != WEIR_OK) return status;
    if (script->keeps_done) *done = i + 1;
  }
  return WEIR_OK;
}
const void* GetExt(void*, const char* id) {
  static weir_ext_batch batch;
  batch = {sizeof(batch), script->max_batch, &HandleBatch};
  static const weir_str kinds[] = {{"flap", 4}};
  static const weir_ext_describe describe = {sizeof(describe), 1, kinds};
  if (std::strcmp(id, WEIR_EXT_BATCH) == 0 && script->batches) return &batch;
  if (std::strcmp(id, WEIR_EXT_DESCRIBE) == 0) return &describe;
  return nullptr;
}

class InProcessHandlerTest : public testing::Test {
 protected:
  InProcessHandlerTest() { script = &script_; }

  InProcessHandler Handler(std::string config = "{}",
                           uint32_t max_consecutive_errors = 0) {
    return InProcessHandler(
        {sizeof(weir_plugin), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, &Create, &Destroy,
         &Capacity, &Wants, &Handle, &GetExt},
        nullptr, services_, std::move(config), {}, "", max_consecutive_errors);
  }

  // Hands over messages 1 to `count`.
  void HandleAll(uint32_t count) {
    InProcessHandler handler = Handler();
    ASSERT_THAT(handler.Create(), IsOk());
    std::vector<Message> messages(count);
    std::vector<const Message*> pointers;
    for (uint32_t i = 0; i < count; ++i) {
      messages[i].view.seq = i + 1;
      pointers.push_back(&messages[i]);
    }
    handler.HandleMessages(pointers, done_, errors_);
  }

  Script script_;
  FakeClock clock_;
  FakeEventSink sink_;
  NameTable types_, sources_;
  const std::shared_ptr<PluginHostServices> services_ =
      std::make_shared<PluginHostServices>(
          PluginHostOptions{.name = "plugins/x"}, sink_, types_, sources_,
          clock_);
  std::atomic<uint32_t> done_{0}, errors_{0};
};

TEST_F(InProcessHandlerTest, TellsWhyThereIsNoInstance) {
  for (const auto& [config, want] :
       std::vector<std::pair<const char*, const char*>>{
           {"throw", "create: peers[3]: not a number"},
           {"throw int", "not a std::exception"},
           {"refuse", "create: peers: missing"},
           {"lie", "create: x"},
       }) {
    InProcessHandler handler = Handler(config);
    EXPECT_THAT(
        handler.Create(),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(want)));
  }
}

TEST_F(InProcessHandlerTest, LetsNoExceptionOut) {
  InProcessHandler handler = Handler();
  ASSERT_THAT(handler.Create(), IsOk());
  EXPECT_LT(handler.QueueCapacity(), 0);
  EXPECT_TRUE(handler.WantsMessage("UPDATE"));
  EXPECT_FALSE(handler.WantsMessage("STATE")) << "it threw";
  EXPECT_FALSE(handler.WantsMessage("OPEN")) << "it returned an error";
  handler.Destroy();
}

TEST_F(InProcessHandlerTest, HoldsThePluginToTheKindsItDeclares) {
  InProcessHandler handler = Handler();
  ASSERT_THAT(handler.Create(), IsOk());
  EXPECT_THAT(services_->declared(), ElementsAre("flap"));
}

TEST_F(InProcessHandlerTest, CountsEachMessageOnceWhateverBecomesOfIt) {
  struct Case {
    const char* why;
    bool batches;
    uint32_t max_batch;
    std::set<uint64_t> errors_at, throws_at;
    std::vector<uint64_t> handled;
  };
  for (const Case& c : std::vector<Case>{
           {"one by one", false, 0, {}, {}, {1, 2, 3, 4, 5}},
           {"errors one by one", false, 0, {1}, {5}, {2, 3, 4}},
           {"a batch", true, 256, {}, {}, {1, 2, 3, 4, 5}},
           {"batches of two", true, 2, {}, {}, {1, 2, 3, 4, 5}},
           {"an error in the middle", true, 256, {3}, {}, {1, 2, 4, 5}},
           {"the first one", true, 256, {1}, {}, {2, 3, 4, 5}},
           {"the last one", true, 256, {}, {5}, {1, 2, 3, 4}},
           {"two of them", true, 256, {2}, {4}, {1, 3, 5}},
           {"in a later batch", true, 2, {}, {4}, {1, 2, 3, 5}},
           {"all of them", true, 2, {1, 2, 3, 4, 5}, {}, {}},
           {"max_batch 0 is no batch", true, 0, {2}, {}, {1, 3, 4, 5}},
       }) {
    script_ = {.errors_at = c.errors_at,
               .throws_at = c.throws_at,
               .batches = c.batches,
               .max_batch = c.max_batch};
    done_ = errors_ = 0;
    HandleAll(5);
    EXPECT_EQ(script_.handled, c.handled) << c.why;
    EXPECT_EQ(done_, 5u) << c.why;
    EXPECT_EQ(errors_, 5 - c.handled.size()) << c.why;
  }
}

TEST_F(InProcessHandlerTest, ShowsNoBatchLargerThanThePluginTakes) {
  script_.max_batch = 2;
  HandleAll(5);
  EXPECT_THAT(script_.batches_seen, ElementsAre(2, 2, 1));
}

TEST_F(InProcessHandlerTest, CountsABatchThatKeptNoCount) {
  script_.keeps_done = false;
  HandleAll(5);
  EXPECT_EQ(done_, 5u);
  EXPECT_EQ(errors_, 0u);
}

TEST_F(InProcessHandlerTest, TellsAPluginThatAsksWhatIsLeftForEachMessage) {
  script_.clock = &clock_;
  HandleAll(3);
  EXPECT_THAT(script_.seconds_left, ElementsAre(7, 7, 7));
  EXPECT_THAT(script_.batches_seen, testing::IsEmpty());
  EXPECT_EQ(done_, 3u);
}

TEST_F(InProcessHandlerTest, EndsTheInstanceAfterSoManyErrorsInARow) {
  for (const auto& [batches, asks_for_time] :
       {std::pair(false, false), std::pair(true, false),
        std::pair(false, true)}) {
    script_ = {.errors_at = {2, 3, 5, 6, 7, 8, 9}, .batches = batches};
    if (asks_for_time) script_.clock = &clock_;
    done_ = errors_ = 0;
    InProcessHandler handler = Handler("{}", 3);
    ASSERT_THAT(handler.Create(), IsOk());
    std::vector<Message> messages(10);
    std::vector<const Message*> pointers;
    for (uint32_t i = 0; i < messages.size(); ++i) {
      messages[i].view.seq = i + 1;
      pointers.push_back(&messages[i]);
    }
    EXPECT_EQ(handler.gave_up_after(), 0u);
    // Rows go on from one run to the next.
    RunOutcome outcome = handler.HandleMessages(
        absl::MakeConstSpan(pointers).first(6), done_, errors_);
    EXPECT_TRUE(outcome.alive);
    EXPECT_EQ(done_, 6u);
    done_ = errors_ = 0;
    outcome = handler.HandleMessages(absl::MakeConstSpan(pointers).subspan(6),
                                     done_, errors_);
    EXPECT_FALSE(outcome.alive);
    EXPECT_FALSE(outcome.lost_one);
    EXPECT_EQ(done_, 1u) << "the third error in a row, and no more";
    EXPECT_EQ(errors_, 1u);
    EXPECT_EQ(handler.gave_up_after(), 3u);
  }
}

TEST_F(InProcessHandlerTest, MarksTheMessageThatComesAgainAndNoOther) {
  script_.batches = false;
  InProcessHandler handler = Handler();
  ASSERT_THAT(handler.Create(), IsOk());
  std::vector<Message> messages(2);
  messages[1].view.flags = 2;
  const std::vector<const Message*> pointers = {&messages[0], &messages[1]};
  handler.TellRedelivery();
  handler.HandleMessages(pointers, done_, errors_);
  done_ = errors_ = 0;
  handler.HandleMessages(pointers, done_, errors_);
  EXPECT_THAT(script_.flags, ElementsAre(1, 2, 0, 2));
  EXPECT_EQ(messages[0].view.flags, 0) << "it is everybody's";
}

}  // namespace
}  // namespace weir
