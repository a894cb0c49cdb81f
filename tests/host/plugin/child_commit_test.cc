// The commit protocol under fire: children are killed at random points of their
// runs, and in the end the host's books are compared with what the plugin
// itself wrote down of each message.
//
//   --kills=N  how many children; 1500 by hand
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "host/plugin/child_handler.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {

int kills = 150;  // For each way of taking messages.

namespace {

// Two bytes for each message. More messages than any number of children gets
// through.
constexpr size_t kMaxMessages = size_t{1} << 24;
// A child that was not killed after so many is killed between runs.
constexpr uint64_t kMaxPerChild = 8'192;

// What the plugin wrote down; see tests/fixtures/records.c.
class Record {
 public:
  explicit Record(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, 2 * kMaxMessages) != 0) std::abort();
    bytes_ = static_cast<const uint8_t*>(
        mmap(nullptr, 2 * kMaxMessages, PROT_READ, MAP_SHARED, file, 0));
    close(file);
    if (bytes_ == MAP_FAILED) std::abort();
  }
  int begun(uint64_t seq) const { return bytes_[2 * seq]; }
  int ended(uint64_t seq) const { return bytes_[2 * seq + 1]; }

 private:
  const uint8_t* bytes_;
};

// Kills a process after a random number of steps, unless it is told not to.
class Killer {
 public:
  Killer(pid_t pid, uint32_t steps)
      : thread_([this, pid, steps] {
          for (uint32_t i = 0; i < steps && !stop_.load(); ++i) {
          }
          kill(pid, SIGKILL);
        }) {}
  ~Killer() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Books {
  uint64_t done = 0;
  uint64_t errors = 0;
  std::vector<bool> lost = std::vector<bool>(kMaxMessages);
};

class ChildCommitTest : public testing::TestWithParam<const char*> {
 protected:
  // Lets one child handle messages from `next` on until it is dead; `next` is
  // then the first that its successor gets.
  void UseUpAChild(uint32_t steps, size_t run_length, uint64_t& next,
                   Books& books) {
    const auto handler = plugins_.Make(
        {.module = FixturePath("records"),
         .config_json = absl::StrCat("{\"path\": \"", record_path_,
                                     "\", \"how\": \"", GetParam(), "\"}"),
         // It writes a file.
         .sandbox = SandboxProfile::kNone});
    ASSERT_THAT(handler->Create(), IsOk());
    const pid_t pid = handler->pid();
    const Killer killer(pid, steps);
    const uint64_t first = next;
    while (true) {
      if (next - first > kMaxPerChild) kill(pid, SIGKILL);
      const TestRun run = plugins_.Run(next, run_length);
      std::atomic<uint32_t> done{0}, errors{0};
      const RunOutcome outcome =
          handler->HandleMessages(run.messages, done, errors);
      next += done;
      books.done += done;
      books.errors += errors;
      if (outcome.alive) {
        ASSERT_EQ(done, run_length);
        continue;
      }
      ASSERT_TRUE(handler->death().has_value());
      EXPECT_EQ(handler->death()->cause, "SIGKILL");
      EXPECT_EQ(handler->death()->message.has_value(), outcome.lost_one);
      if (!outcome.lost_one) return;
      EXPECT_EQ(handler->death()->message->seq, next);
      books.lost[next++] = true;
      return;
    }
  }

  FakeClock clock_;
  ChildPlugins plugins_{clock_, size_t{4} << 20};
  const ShortTempDir dir_;
  const std::string record_path_ = dir_.path() + "/record";
  const Record record_{record_path_};
};

INSTANTIATE_TEST_SUITE_P(HoweverItTakesThem, ChildCommitTest,
                         testing::Values("single", "batch"),
                         [](const auto& how) {
                           return how.param == absl::string_view("batch")
                                      ? "InBatches"
                                      : "OneByOne";
                         });

TEST_P(ChildCommitTest, AccountsForEachMessageWheneverItsChildIsKilled) {
  std::mt19937 random(20251121);
  Books books;
  uint64_t next = 1;
  // On a busy machine most kills come before the first message: then more.
  const auto none_lost = [&] {
    return std::find(books.lost.begin(), books.lost.end(), true) ==
           books.lost.end();
  };
  for (int i = 0; i < kills || (none_lost() && i < 20 * kills); ++i) {
    const auto steps = static_cast<uint32_t>(random() % 400'000);
    const size_t run_length = 1 + random() % 256;
    UseUpAChild(steps, run_length, next, books);
    if (HasFatalFailure()) return;
  }
  uint64_t lost = 0;
  uint64_t errors = 0;
  uint64_t mismatches = 0;
  for (uint64_t seq = 1; seq < next; ++seq) {
    const int begun = record_.begun(seq);
    const int ended = record_.ended(seq);
    lost += books.lost[seq] ? 1 : 0;
    errors += !books.lost[seq] && seq % 7 == 0 ? 1 : 0;
    // Lost is what did not commit: it may have been handled, at most once.
    const bool exact = books.lost[seq] ? begun <= 1 && ended <= begun
                                       : begun == 1 && ended == 1;
    mismatches += exact ? 0 : 1;
  }
  EXPECT_EQ(mismatches, 0u);
  EXPECT_EQ(record_.begun(next), 0) << "nobody was given it";
  EXPECT_EQ(books.done + lost, next - 1);
  EXPECT_EQ(books.errors, errors);
  EXPECT_GT(lost, 0u) << "or this has shown nothing";
  RecordProperty("messages", absl::StrCat(next - 1));
  RecordProperty("lost", absl::StrCat(lost));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    if (absl::ConsumePrefix(&flag, "--kills=") &&
        !absl::SimpleAtoi(flag, &weir::kills)) {
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
