#include "runner/fuzz/fuzz_child.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runner/check/board.h"
#include "runner/check/check.h"
#include "runner/check/check_host.h"
#include "runner/check/life.h"
#include "runner/check/message_memory.h"
#include "runner/check/recorded_samples.h"
#include "runner/check/run_one.h"
#include "runner/fuzz/mutator.h"

namespace weir {
namespace {

// As many lines of a recording are enough to begin with.
constexpr size_t kMaxCorpus = 2000;

// Ends the process once one input has taken too long: with SIGABRT, so that the
// thread with the plugin says where it is, and with SIGKILL soon after.
class InputWatch {
 public:
  InputWatch(std::chrono::milliseconds timeout, CheckBoard& board)
      : timeout_(timeout), board_(board) {
    // It must be the other thread that is hit.
    sigset_t abort;
    sigset_t before;
    sigemptyset(&abort);
    sigaddset(&abort, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &abort, &before);
    thread_ = std::thread([this] { Watch(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~InputWatch() {
    {
      const std::lock_guard lock(mu_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  InputWatch(const InputWatch&) = delete;
  InputWatch& operator=(const InputWatch&) = delete;

  // The next one begins.
  void Next() { step_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void Watch() {
    std::unique_lock lock(mu_);
    uint64_t last = 0;
    auto since = std::chrono::steady_clock::now();
    const auto stopped = [this] { return stop_; };
    while (!changed_.wait_for(lock, std::chrono::milliseconds(20), stopped)) {
      const uint64_t step = step_.load(std::memory_order_relaxed);
      const auto now = std::chrono::steady_clock::now();
      if (std::exchange(last, step) != step) since = now;
      if (now - since < timeout_) continue;
      board_.hung = static_cast<uint32_t>(timeout_.count());
      kill(getpid(), SIGABRT);
      changed_.wait_for(lock, std::chrono::milliseconds(500), stopped);
      kill(getpid(), SIGKILL);
    }
  }

  const std::chrono::milliseconds timeout_;
  CheckBoard& board_;
  std::atomic<uint64_t> step_{0};
  std::mutex mu_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_;
};

uint32_t WantedBy(Life& life) {
  uint32_t wanted = 0;
  for (uint16_t type = 0; type <= uint16_t{std::size(kCheckTypes)}; ++type) {
    if (life.Wants(type)) wanted |= uint32_t{1} << type;
  }
  return wanted;
}

Verdict TryInputs(Subject& subject, const FuzzRange& range) {
  absl::StatusOr<std::vector<Sample>> corpus = FuzzCorpus(subject.replay());
  if (!corpus.ok()) return Fail(std::string(corpus.status().message()));
  const absl::Status loaded = subject.Load();
  if (!loaded.ok()) return Fail(std::string(loaded.message()));
  const Mutator mutator(*std::move(corpus), range.seed, range.wanted);
  const uint64_t end = range.first + range.count;
  uint64_t handled = 0;
  uint64_t errors = 0;
  uint32_t wanted = 0;
  InputWatch watch(std::chrono::milliseconds(range.timeout_ms),
                   subject.board());
  uint64_t n = range.first;
  do {
    CheckHost host;
    MessageMemory memory({.retire = true}, subject.board());
    watch.Next();
    Life life(subject, host, memory);
    if (!life.status().ok()) {
      return Fail(absl::StrCat("create: ", life.status().message()));
    }
    wanted = WantedBy(life);
    while (n < end) {
      subject.board().input = n;
      watch.Next();
      if (life.Handle(mutator.Make(n)) != WEIR_OK) ++errors;
      if (!subject.crossed().empty()) {
        subject.board().threw = 1;
        return Fail(subject.crossed());
      }
      ++handled;
      if (++n % kFuzzBlock == 0) break;
    }
    watch.Next();
  } while (n < end);
  Verdict verdict = Pass();
  verdict.figures = {{"wanted", static_cast<double>(wanted)},
                     {"handled", static_cast<double>(handled)},
                     {"errors", static_cast<double>(errors)}};
  return verdict;
}

}  // namespace

absl::StatusOr<std::vector<Sample>> FuzzCorpus(const std::string& from) {
  if (!from.empty()) return ReadSamples(from, kMaxCorpus);
  std::vector<Sample> corpus = PlainSamples();
  Sample all = corpus.front();
  all.fields = FieldOfEachKey();
  for (uint16_t type = 0; type < uint16_t{std::size(kCheckTypes)}; ++type) {
    all.type = type;
    corpus.push_back(all);
  }
  return corpus;
}

std::vector<std::string> ToWords(const FuzzRange& range) {
  return {absl::StrCat(range.seed), absl::StrCat(range.first),
          absl::StrCat(range.count), absl::StrCat(range.wanted),
          absl::StrCat(range.timeout_ms)};
}

bool FromWords(const std::vector<std::string>& words, FuzzRange* range) {
  return words.size() == 5 && absl::SimpleAtoi(words[0], &range->seed) &&
         absl::SimpleAtoi(words[1], &range->first) &&
         absl::SimpleAtoi(words[2], &range->count) &&
         absl::SimpleAtoi(words[3], &range->wanted) &&
         absl::SimpleAtoi(words[4], &range->timeout_ms);
}

int RunFuzzChild(const FuzzRange& range, const std::string& from) {
  const Check check = {.id = "fuzz.inputs", .run = [&range](Subject& subject) {
                         return TryInputs(subject, range);
                       }};
  return RunInChild(check, from);
}

}  // namespace weir
