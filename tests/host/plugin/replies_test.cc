// What plugins answer to messages, in both isolation modes.
#include <dlfcn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/reply_sink.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_ring.h"
#include "host/plugin/child_voice.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/instance_services.h"
#include "host/plugin/plugin_table.h"
#include "host/plugin/sent_replies.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Takes answers and keeps them as the test says.
class Outbox final : public ReplySink {
 public:
  absl::Status Reply(const Message& request, std::string data,
                     absl::string_view file_suffix, Kept kept) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (!answer_.ok()) return answer_;
      taken_.push_back(absl::StrCat(request.view.seq, " ", data, file_suffix));
      changed_.NotifyAll();
      if (hold_) {
        held_.push_back(std::move(kept));
        return absl::OkStatus();
      }
    }
    kept(absl::OkStatus());
    return absl::OkStatus();
  }

  void Answer(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    answer_ = std::move(status);
  }
  // Nothing is on the disk until Keep.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    hold_ = true;
  }
  void AwaitTaken(size_t n) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (taken_.size() < n) changed_.Wait(&mu_);
  }
  void Keep(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Kept> held;
    {
      MutexLock lock(&mu_);
      held.swap(held_);
    }
    for (const Kept& kept : held) kept(status);
  }
  std::vector<std::string> taken() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return taken_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  absl::Status answer_ ABSL_GUARDED_BY(mu_);
  bool hold_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Kept> held_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> taken_ ABSL_GUARDED_BY(mu_);
};

enum class Mode { kInProcess, kChild };

class RepliesTest : public testing::TestWithParam<Mode> {
 protected:
  RepliesTest() { plugins_.NewServices(nullptr, &outbox_); }

  void Create(const std::string& config) {
    const std::string path = FixturePath("serves");
    if (GetParam() == Mode::kChild) {
      handler_ = plugins_.Make({.module = path, .config_json = config});
    } else {
      void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      ASSERT_NE(library, nullptr) << dlerror();
      const auto table = EnterPlugin(library);
      ASSERT_THAT(table, IsOk());
      handler_ = std::make_unique<InProcessHandler>(
          *table,
          std::shared_ptr<void>(library, [](void* code) { dlclose(code); }),
          plugins_.shared_services(), config);
    }
    ASSERT_THAT(handler_->Create(), IsOk());
  }

  void Handle(size_t n, uint64_t first = 1, Receipt receipt = Receipt()) {
    const TestRun run =
        plugins_.Run(first, n, "{\"a\": 1}", kTypeUpdate, std::move(receipt));
    done_ = 0;
    run.batch->MarkHandled();
    EXPECT_TRUE(handler_->HandleMessages(run.messages, done_, errors_).alive);
    EXPECT_EQ(done_, n);
  }

  // "type subject" of each but the ends of messages.
  std::vector<std::string> events() {
    std::vector<std::string> events;
    for (const Event& event : plugins_.heard().events()) {
      if (event.type == "message") continue;
      events.push_back(absl::StrCat(event.type, " ", event.subject));
    }
    return events;
  }

  void TearDown() override {
    if (handler_ != nullptr) handler_->Destroy();
    handler_.reset();
  }

  Outbox outbox_;
  SystemClock clock_;
  ChildPlugins plugins_{clock_, 1 << 20};
  std::atomic<uint32_t> done_{0}, errors_{0};
  std::unique_ptr<Handler> handler_;
};

INSTANTIATE_TEST_SUITE_P(BothModes, RepliesTest,
                         testing::Values(Mode::kInProcess, Mode::kChild),
                         [](const auto& info) {
                           return info.param == Mode::kChild ? "Child"
                                                             : "InProcess";
                         });

TEST_P(RepliesTest, AreTakenInOrderForTheMessageInHand) {
  Create("{\"answers\": 1}");
  Handle(3, 7);
  EXPECT_THAT(outbox_.taken(),
              ElementsAre("7 to 7", "7 more.error", "8 to 8", "8 more.error",
                          "9 to 9", "9 more.error"));
  EXPECT_THAT(events(), testing::Each("answered 0"));
}

TEST_P(RepliesTest, AreRefusedWithTheReason) {
  Create("{\"answers\": 1}");
  const std::pair<absl::Status, std::string> kReasons[] = {
      {absl::UnimplementedError("x"), "answered -4"},
      {absl::NotFoundError("x"), absl::StrCat("answered ", WEIR_NOT_FOUND)},
      {absl::InvalidArgumentError("x"), "answered -3"},
      {absl::ResourceExhaustedError("x"), "answered -2"},
      {absl::UnavailableError("x"), "answered -1"}};
  for (const auto& [status, event] : kReasons) {
    outbox_.Answer(status);
    Outcome outcome = Outcome::kSomeLost;
    Handle(1, 1, Receipt([&](Outcome told) { outcome = told; }));
    EXPECT_EQ(events().back(), event) << status;
    EXPECT_EQ(outcome, Outcome::kAllProcessed)
        << "whether the message failed is the plugin's to say";
  }
  EXPECT_THAT(outbox_.taken(), IsEmpty());
}

TEST_P(RepliesTest, HaveBoundsAndAThreadAndAMessage) {
  Create("{\"errs\": 1}");
  Handle(1, 1);
  EXPECT_THAT(events(),
              ElementsAre("long -3", "largest 0", "folder -3", "control -3",
                          "suffix -3", "thread -1", "copy 0"));
  Handle(1, 2);
  EXPECT_EQ(events().back(), absl::StrCat("before ", WEIR_NOT_FOUND))
      << "it is not in hand any more";
  ASSERT_EQ(outbox_.taken().size(), 4u);
  EXPECT_EQ(outbox_.taken()[0].size(), 2 + InstanceServices::kMaxReplyBytes);
  EXPECT_EQ(outbox_.taken()[1], "1 to a copy");
}

TEST_P(RepliesTest, AreToMessagesAlone) {
  Create("{\"answers\": 1}");
  handler_->Tick();
  EXPECT_EQ(events().front(), absl::StrCat("answered ", WEIR_NOT_FOUND));
}

TEST_P(RepliesTest, AreNotThereWhereTheHostSendsNothing) {
  plugins_.NewServices();
  Create("{\"answers\": 1}");
  Handle(1);
  EXPECT_THAT(events(), testing::Each("answered -4"));
}

TEST_P(RepliesTest, AreOnTheDiskBeforeTheirMessagesAreLetGo) {
  outbox_.Hold();
  Create("{\"answers\": 1}");
  std::atomic<bool> kept{false};
  std::thread disk([&] {
    outbox_.AwaitTaken(6);
    while (done_ < 3) std::this_thread::yield();
    // Time enough to let go of them, for one that does not wait.
    for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
    kept = true;
    outbox_.Keep(absl::OkStatus());
  });
  Outcome outcome = Outcome::kSomeLost;
  Handle(3, 1, Receipt([&](Outcome told) {
           outcome = told;
           EXPECT_TRUE(kept);
         }));
  disk.join();
  EXPECT_EQ(outcome, Outcome::kAllProcessed);
}

TEST_P(RepliesTest, FailTheirMessageIfTheDiskDoesNotTakeThem) {
  outbox_.Hold();
  Create("{\"answers\": 1}");
  std::thread disk([&] {
    outbox_.AwaitTaken(2);
    outbox_.Keep(absl::FailedPreconditionError("disk full"));
  });
  Outcome outcome = Outcome::kSomeLost;
  Handle(1, 1, Receipt([&](Outcome told) { outcome = told; }));
  disk.join();
  EXPECT_EQ(outcome, Outcome::kSomeFailed);
  EXPECT_EQ(errors_, 0u) << "the plugin did its work";
}

// Whole or not at all: what it said before it died is sent.
TEST(RepliesChildTest, AreSentThoughThePluginDiesOfTheMessage) {
  SystemClock clock;
  Outbox outbox;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, &outbox);
  const auto handler = plugins.Make({.module = FixturePath("serves"),
                                     .config_json = "{\"answers, dies\": 1}"});
  ASSERT_THAT(handler->Create(), IsOk());
  const TestRun run = plugins.Run(1, 2);
  std::atomic<uint32_t> done{0};
  std::atomic<uint32_t> errors{0};
  const RunOutcome outcome =
      handler->HandleMessages(run.messages, done, errors);
  EXPECT_FALSE(outcome.alive);
  EXPECT_TRUE(outcome.lost_one);
  EXPECT_THAT(outbox.taken(), ElementsAre("1 to 1", "1 more.error"));
}

// A child can write into its ring whatever it likes.
TEST(RepliesChildTest, OfAMessageThatIsNotInHandAreWhatNoChildWrites) {
  SystemClock clock;
  Outbox outbox;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, &outbox);
  const TestRun run = plugins.Run(1, 2);
  const auto drain = [&](uint32_t index, uint32_t suffix_bytes,
                         absl::string_view text) {
    ChildChannelMemory channel = ChildChannelMemory::Create().value();
    ChildVoice voice(*channel, plugins.shared_services());
    ChildRingWriter ring(channel->ring, 10);
    voice.BeginRun(run.messages);
    const uint32_t head[] = {index, suffix_bytes};
    std::string body(reinterpret_cast<const char*>(head), sizeof(head));
    absl::StrAppend(&body, text);
    EXPECT_TRUE(ring.Push(ChildRecord::kReply, body));
    const bool sane = voice.Drain();
    voice.EndRun();
    return sane;
  };
  EXPECT_TRUE(drain(1, 2, ".edata"));
  EXPECT_FALSE(drain(2, 0, "data"));
  EXPECT_FALSE(drain(UINT32_MAX, 0, "data"));
  EXPECT_FALSE(drain(0, 5, "data"));
  EXPECT_TRUE(drain(0, 4, "/../")) << "refused, and no more";
  EXPECT_THAT(outbox.taken(), ElementsAre("2 data.e"));
}

}  // namespace
}  // namespace weir
