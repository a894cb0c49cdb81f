// The books of plugins in children, through any mix of what can be done to
// them: each plan is made by chance from a seed, and the plugin keeps a record
// of its own of what it was given.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_plugins.h"

namespace weir {
namespace {

// By --test_arg=--plans=4000, --steps= and --seed=.
int steps = 50;            // Of each plan.
int plans = 6;             // For each policy.
uint64_t seed = 20251126;  // Of the first one.

using State = PluginStatus::State;
using Kind = PluginOperation::Kind;

// For each message two bytes: how often the plugin began with it, and how often
// it came to its end. Shared with the plugin by its file.
class Record {
 public:
  Record(const std::string& path, size_t messages) : size_(2 * (messages + 1)) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ftruncate(fd, static_cast<off_t>(size_)) != 0) std::abort();
    bytes_ = static_cast<const volatile uint8_t*>(
        mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0));
    close(fd);
  }
  ~Record() { munmap(const_cast<uint8_t*>(bytes_), size_); }

  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  int begun(uint64_t seq) const { return bytes_[2 * seq]; }
  int ended(uint64_t seq) const { return bytes_[2 * seq + 1]; }

 private:
  const size_t size_;
  const volatile uint8_t* bytes_ = nullptr;
};

constexpr size_t kMostAtOnce = 300;
constexpr char kId[] = "records";
constexpr char kName[] = "plugins/records";

class Plan {
 public:
  Plan(QueuePolicy policy, uint64_t own_seed)
      : random_(own_seed),
        record_(plugins_.dir().state() + "/record",
                kMostAtOnce * static_cast<size_t>(steps)) {
    PluginSlotSpec spec =
        RealPlugins::Fixture(kId, PluginStatus::Isolation::kChild);
    spec.options.policy = policy;
    spec.options.seed = own_seed;
    spec.options.capacity = 1U << (random_() % 9);  // 1, 2, ... 256.
    spec.options.max_crashes = 0;
    // It writes a file.
    spec.options.sandbox = SandboxProfile::kNone;
    spec.options.soft_deadline = absl::Milliseconds(20);
    spec.options.hard_deadline = absl::Milliseconds(60);
    spec.options.drain_timeout = absl::Seconds(5);
    spec.config_json = Config();
    blocks_ = policy == QueuePolicy::kBlock;
    plugins_.Load({spec});
  }

  // Returns what was wrong and after which step, or nothing.
  std::string Run() {
    for (int step = 0; step < steps; ++step) {
      const std::string did = Step();
      done_.push_back(did);
      if (const std::string wrong = Imbalance(books()); !wrong.empty()) {
        return absl::StrCat(wrong, Story());
      }
    }
    return AtTheEnd();
  }

 private:
  Books books() { return plugins_.Stats(kId).handler.books; }

  // By one message at a time or by batches of them.
  std::string Config() {
    return absl::StrCat("{\"path\": \"", plugins_.dir().state(),
                        "/record\", \"how\": \"",
                        random_() % 2 == 0 ? "single" : "batch", "\"}");
  }

  std::string Story() const {
    return absl::StrCat("; after: ", absl::StrJoin(done_, " "));
  }

  std::string Step() {
    switch (random_() % 15) {
      case 0:
        return Do("pause", Kind::kPause);
      case 1:
        return Do("resume", Kind::kResume);
      case 2:
        return Do("reload", Kind::kReload);
      case 3:
        return Do("upgrade", Kind::kUpgrade);
      case 4:
        return Do("rollback", Kind::kRollback);
      case 5:
        if (random_() % 3 != 0) return "rest";
        return Do("unload", Kind::kUnload);
      case 6:
        return Do("load", Kind::kLoad);
      case 7:
        if (random_() % 3 != 0) return "rest";
        return Do("quarantine", Kind::kQuarantine);
      case 8:
        return Do("release", Kind::kRelease);
      case 9:
        return Signal("kill", SIGKILL);
      case 10:
        return Signal("crash", SIGSEGV);
      case 11:
        if (random_() % 4 != 0) return "rest";
        return Signal("hang", SIGSTOP);
      case 12:
        return Configure();
      default:
        return Send();
    }
  }

  std::string Send() {
    // Whoever blocks would wait for what only a later step brings.
    if (blocks_ && !Running()) return "rest";
    const size_t n = 1 + random_() % kMostAtOnce;
    std::atomic<bool> sent{false};
    std::thread source([&] {
      plugins_.Send(n);
      sent = true;
    });
    // Now and then its child is killed in the middle of it.
    if (random_() % 3 == 0) Signal("kill", SIGKILL);
    if (!plugins_.Await([&] { return sent.load(); })) std::abort();
    source.join();
    return absl::StrCat("send:", n);
  }

  bool Running() { return plugins_.Status(kId).state == State::kRunning; }

  std::string Do(const char* word, Kind kind) {
    return Do(word, {.kind = kind, .name = kName});
  }

  // Another configuration, back to that of the files, or one that it refuses.
  std::string Configure() {
    PluginOperation operation = {.kind = Kind::kConfigure, .name = kName};
    switch (random_() % 4) {
      case 0:
        // It does not come up with that, now or when it is next loaded.
        operation.config_json = "{}";
        return Do("misconfigure", operation);
      case 1:
        operation.config_reset = true;
        return Do("configure", operation);
      default:
        operation.config_json = Config();
        return Do("configure", operation);
    }
  }

  std::string Do(const char* word, PluginOperation operation) {
    operation.force = random_() % 2 == 0;
    operation.probation_time = absl::Milliseconds(random_() % 100);
    const absl::StatusCode code = plugins_.Do(operation);
    if (code == absl::StatusCode::kOk) ++counts_[word];
    return absl::StrCat(word, code == absl::StatusCode::kOk ? "" : "(no)");
  }

  std::string Signal(const char* word, int signal) {
    const int32_t pid = plugins_.Status(kId).pid;
    if (pid <= 0 || kill(pid, signal) != 0) return "rest";
    ++counts_[word];
    return word;
  }

  // Brings it to rest, and compares the books with the plugin's own record.
  std::string AtTheEnd() {
    if (plugins_.Status(kId).state == State::kQuarantined) {
      Do("release", Kind::kRelease);
    }
    Do("resume", Kind::kResume);
    Do("put-right",
       {.kind = Kind::kConfigure, .name = kName, .config_reset = true});
    Do("load", Kind::kLoad);
    Signal("continue", SIGCONT);
    const bool rests = plugins_.Await([this] {
      const Books now = books();
      return Running() && now.queued == 0 && now.in_flight == 0;
    });
    plugins_.set().UnloadAll();
    const Books end = books();
    if (!rests) return absl::StrCat("it does not come to rest", Story());
    if (const std::string wrong = Imbalance(end); !wrong.empty()) return wrong;
    if (end.offered != plugins_.sent()) {
      return absl::StrCat("offered ", end.offered, " of ", plugins_.sent(),
                          Story());
    }
    uint64_t ended = 0;
    uint64_t cut = 0;
    for (uint64_t seq = 1; seq <= plugins_.sent(); ++seq) {
      if (record_.begun(seq) > 1) return absl::StrCat(seq, " twice", Story());
      ended += static_cast<uint64_t>(record_.ended(seq));
      cut += static_cast<uint64_t>(record_.begun(seq) - record_.ended(seq));
    }
    // What was lost either was cut in the middle, or came to its end and could
    // not say so any more, or was about to begin.
    const uint64_t processed = end.processed_ok + end.processed_error;
    if (processed > ended || ended + cut > processed + end.lost_in_crash) {
      return absl::StrCat("the plugin ended ", ended, " and began ", cut,
                          " more; booked are ", processed, " and ",
                          end.lost_in_crash, " lost", Story());
    }
    return "";
  }

 public:
  // How often each thing was done.
  const std::map<std::string, int>& counts() const { return counts_; }
  uint64_t sent() const { return plugins_.sent(); }

 private:
  std::mt19937 random_;
  RealPlugins plugins_;
  const Record record_;
  bool blocks_ = false;
  std::vector<std::string> done_;
  std::map<std::string, int> counts_;
};

class PluginBooksTest : public testing::TestWithParam<QueuePolicy> {};

INSTANTIATE_TEST_SUITE_P(WhateverIsDone, PluginBooksTest,
                         testing::Values(QueuePolicy::kLinearDrop,
                                         QueuePolicy::kDropNewest,
                                         QueuePolicy::kDropOldest,
                                         QueuePolicy::kBlock),
                         [](const auto& policy) {
                           switch (policy.param) {
                             case QueuePolicy::kLinearDrop:
                               return "LinearDrop";
                             case QueuePolicy::kDropNewest:
                               return "DropNewest";
                             case QueuePolicy::kDropOldest:
                               return "DropOldest";
                             case QueuePolicy::kBlock:
                               return "Block";
                           }
                           return "";
                         });

TEST_P(PluginBooksTest, BalanceAfterEachStepAndAgreeWithThePlugin) {
  std::map<std::string, int> all;
  uint64_t sent = 0;
  for (int i = 0; i < plans; ++i) {
    const uint64_t own_seed =
        seed + static_cast<uint64_t>(i) * 4 + static_cast<uint64_t>(GetParam());
    Plan plan(GetParam(), own_seed);
    ASSERT_EQ(plan.Run(), "") << "seed " << own_seed;
    sent += plan.sent();
    for (const auto& [word, n] : plan.counts()) all[word] += n;
  }
  for (const char* word :
       {"pause", "resume", "reload", "upgrade", "unload", "load", "quarantine",
        "release", "kill", "crash", "hang", "configure"}) {
    EXPECT_GT(all[word], 0) << word << ": or this has shown nothing";
  }
  std::cout << sent << " messages;";
  for (const auto& [word, n] : all) std::cout << " " << word << " " << n;
  std::cout << "\n";
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    const bool known = (absl::ConsumePrefix(&flag, "--steps=") &&
                        absl::SimpleAtoi(flag, &weir::steps)) ||
                       (absl::ConsumePrefix(&flag, "--plans=") &&
                        absl::SimpleAtoi(flag, &weir::plans)) ||
                       (absl::ConsumePrefix(&flag, "--seed=") &&
                        absl::SimpleAtoi(flag, &weir::seed));
    if (!known) return 2;
  }
  return RUN_ALL_TESTS();
}
