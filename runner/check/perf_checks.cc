#include <time.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

constexpr size_t kBodyBytes = 600;  // An ordinary update of RIS Live.
constexpr uint32_t kBatch = 64;
constexpr int64_t kLongEnoughNs = 300'000'000;
constexpr size_t kMaxTimes = 200'000;
// What the real feed has on average, and in its worst burst.
constexpr double kAverageRate = 4'400;
constexpr double kBurstRate = 24'000;

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

double Percentile(std::vector<int64_t>& times, double part) {
  const auto at = static_cast<size_t>(part * static_cast<double>(times.size()));
  const auto nth = times.begin() +
                   static_cast<std::ptrdiff_t>(std::min(at, times.size() - 1));
  std::nth_element(times.begin(), nth, times.end());
  return static_cast<double>(*nth);
}

// Messages of 600 bytes that the plugin wants, laid out once.
std::vector<const weir_msg*> Messages(Life& life, MessageMemory& memory) {
  std::vector<Sample> wanted;
  for (Sample sample : PlainSamples()) {
    if (!life.Wants(sample.type)) continue;
    sample.body.resize(kBodyBytes, ' ');
    wanted.push_back(std::move(sample));
  }
  std::vector<const weir_msg*> messages;
  for (size_t i = 0; !wanted.empty() && i < 8 * kBatch; ++i) {
    messages.push_back(
        memory.Place(wanted[i % wanted.size()], life.next_seq()));
  }
  return messages;
}

std::vector<int64_t> TimeOneByOne(
    Subject& subject, void* self,
    const std::vector<const weir_msg*>& messages) {
  subject.Doing("handle_message, for its time");
  std::vector<int64_t> times;
  const int64_t end = NowNs() + kLongEnoughNs;
  int64_t last = NowNs();
  for (size_t i = 0; times.size() < kMaxTimes && last < end; ++i) {
    subject.table().handle_message(self, messages[i % messages.size()]);
    const int64_t now = NowNs();
    times.push_back(now - last);
    last = now;
  }
  return times;
}

std::optional<double> TimeInBatches(
    Subject& subject, void* self,
    const std::vector<const weir_msg*>& messages) {
  const weir_ext_batch* const batch = subject.Batch(self);
  if (batch == nullptr) return std::nullopt;
  subject.Doing("handle_messages, for its time");
  const uint32_t n = std::min(kBatch, batch->max_batch);
  uint64_t handled = 0;
  const int64_t begin = NowNs();
  while (NowNs() < begin + kLongEnoughNs && handled < 100 * kMaxTimes) {
    for (size_t at = 0; at + n <= messages.size(); at += n) {
      uint32_t done = 0;
      batch->handle_messages(self, messages.data() + at, n, &done);
      handled += n;
    }
  }
  if (handled == 0) return std::nullopt;
  return static_cast<double>(NowNs() - begin) / static_cast<double>(handled);
}

Verdict Time(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) return Skip("there is no instance");
  const std::vector<const weir_msg*> messages = Messages(life, memory);
  if (messages.empty()) return Skip("it wants none of these messages");
  std::vector<int64_t> times;
  std::optional<double> batch;
  try {
    times = TimeOneByOne(subject, life.self(), messages);
    batch = TimeInBatches(subject, life.self(), messages);
  } catch (...) {
    return Skip("it throws exceptions");  // abi.exceptions says so.
  }
  const double p50 = Percentile(times, 0.5);
  const double p99 = Percentile(times, 0.99);
  const double rate = 1e9 / std::max(1.0, batch.value_or(p50));
  std::string text = absl::StrCat("p50 ", p50, " ns, p99 ", p99,
                                  " ns a message of ", kBodyBytes, " bytes");
  if (batch.has_value()) {
    absl::StrAppend(&text, "; ", static_cast<int64_t>(*batch),
                    " ns in batches of ", kBatch);
  }
  Verdict verdict = Pass(text);
  if (rate < kAverageRate) {
    verdict = Warn(absl::StrCat(
        text, ", so it cannot follow RIS Live, which has ", kAverageRate,
        " messages a second; do less for each, or want fewer types"));
  } else if (rate < kBurstRate) {
    // A second's burst, less what is handled meanwhile, has to wait.
    absl::StrAppend(&verdict.text, "; for a burst of ", kBurstRate,
                    " a second ask for a capacity of ",
                    static_cast<int64_t>(kBurstRate - rate));
  }
  verdict.figures = {{"p50_ns", p50}, {"p99_ns", p99}};
  if (batch.has_value()) verdict.figures.emplace_back("batch64_ns", *batch);
  return verdict;
}

}  // namespace

std::vector<Check> PerfChecks() {
  return {{.id = "perf.time",
           .hint = "What a message costs, with the clock's own 25 ns. What "
                   "comes faster than it is handled waits in the queue, and "
                   "is dropped when that is full.",
           .needs = {"message.plain", "message.read-only"},
           .crash_level = CheckLevel::kWarn,
           .run = &Time}};
}

}  // namespace weir
