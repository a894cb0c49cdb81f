#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runner/check/allocation_faults.h"
#include "runner/check/check.h"
#include "runner/check/life.h"

namespace weir {
namespace {

// Each is a life of its own.
constexpr uint64_t kMaxFailures = 1000;

constexpr char kNoInstance[] = "there is no instance";

// A life with a host that treats the plugin badly. That it survives is the
// proof; what it says of its messages is its own affair.
Verdict LiveWith(Subject& subject, CheckHostOptions options,
                 const std::vector<Sample>& samples) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host(std::move(options));
  {
    MessageMemory memory({}, subject.board());
    Life life(subject, host, memory);
    if (!life.status().ok()) return Skip(kNoInstance);
    for (int i = 0; i < 3; ++i) life.HandleAll(samples);
  }
  return Pass(absl::StrCat(host.emits(), " events"));
}

Verdict EmitAgain(Subject& subject) {
  return LiveWith(subject, {.answer_emit = [](uint64_t) { return WEIR_AGAIN; }},
                  PlainSamples());
}

Verdict EmitSometimes(Subject& subject) {
  return LiveWith(
      subject,
      {.answer_emit =
           [](uint64_t n) { return n % 2 == 0 ? WEIR_AGAIN : WEIR_OK; }},
      PlainSamples());
}

Verdict EmitRefused(Subject& subject) {
  return LiveWith(subject,
                  {.answer_emit =
                       [](uint64_t n) {
                         return n % 2 == 0 ? WEIR_UNSUPPORTED : WEIR_INVALID;
                       }},
                  PlainSamples());
}

int64_t JumpingClock(uint64_t n) {
  static constexpr int64_t kTimes[] = {
      1'767'225'600'000'000'000,
      0,
      -1,
      std::numeric_limits<int64_t>::max(),
      std::numeric_limits<int64_t>::min(),
      1'767'225'600'000'000'000 - 86'400'000'000'000,
      1'767'225'600'000'000'000 + 31'536'000'000'000'000};
  return kTimes[n % std::size(kTimes)];
}

Verdict ClockJumps(Subject& subject) {
  std::vector<Sample> samples;
  for (uint64_t i = 0; i < 7; ++i) {
    for (Sample sample : PlainSamples()) {
      // The host's own receive time is never so far out.
      const int64_t time = JumpingClock(i);
      sample.time_ns = time > 4'000'000'000'000'000'000 ? time / 2 : time;
      sample.what = absl::StrCat(sample.what, " of the time ", sample.time_ns);
      samples.push_back(std::move(sample));
    }
  }
  return LiveWith(subject, {.clock = &JumpingClock}, samples);
}

Verdict BareHost(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host({.has_extensions = false});
  MessageMemory memory({}, subject.board());
  Life life(subject, host, memory);
  if (!life.status().ok()) {
    if (!life.status().message().empty()) {
      return Pass(absl::StrCat("refuses it: ", life.status().message()));
    }
    return Warn(
        "create refuses a host without extensions and does not say why; "
        "write into `err` what it needs");
  }
  life.HandleAll(PlainSamples());
  return Pass();
}

// One life, of whose allocations the `n`-th fails; how many there were.
uint64_t LiveWithout(Subject& subject, uint64_t n) {
  CheckHost host;
  MessageMemory memory({}, subject.board());
  subject.FailAllocation(n);
  uint64_t counted = 0;
  {
    Life life(subject, host, memory);
    if (life.status().ok()) life.HandleAll(PlainSamples());
    counted = AllocationFaults::counted();
  }
  subject.FailAllocation(0);
  return counted;
}

Verdict AllocationFails(Subject& subject) {
#ifdef WEIR_SANITIZER
  return Skip("a sanitizer has its own malloc");
#endif
  if (!subject.Load().ok()) return Skip("it is not loaded");
  if (AllocationFaults::Intercept() == 0) {
    return Skip("nobody calls malloc here in a way that is known");
  }
  const uint64_t count = LiveWithout(subject, 0);
  // All of the first ones, and then some.
  uint64_t tried = 0;
  for (uint64_t n = 1; n <= count && tried < kMaxFailures; ++tried) {
    LiveWithout(subject, n);
    if (!subject.crossed().empty()) {
      return Fail(absl::StrCat(subject.crossed(), ", as allocation ", n, " of ",
                               count,
                               " failed; catch it, and return an error"));
    }
    n += n < kMaxFailures / 2 ? 1 : 1 + count / (kMaxFailures / 2);
  }
  return Pass(absl::StrCat(tried, " of ", count, " allocations failed"));
}

}  // namespace

std::vector<Check> FaultChecks() {
  const std::vector<std::string> lives = {"message.plain", "message.read-only",
                                          "message.lifetime"};
  return {
      {.id = "fault.emit-again",
       .hint = "emit returns WEIR_AGAIN while the host's ring or the plugin's "
               "rate is full. Go on without the event, or try it again at the "
               "next message; never in a loop.",
       .needs = lives,
       .run = &EmitAgain},
      {.id = "fault.emit-sometimes",
       .hint = "emit may be refused now and then; what was not taken was not "
               "said.",
       .needs = lives,
       .run = &EmitSometimes},
      {.id = "fault.emit-refused",
       .hint = "An event that is refused for good comes to an error, not to "
               "an end.",
       .needs = lives,
       .run = &EmitRefused},
      {.id = "fault.clock",
       .hint = "now_ns is the wall clock: it jumps, also backwards, and a "
               "source may say any time. Use it for what people read, and "
               "count intervals so that a negative one does no harm.",
       .needs = lives,
       .run = &ClockJumps},
      {.id = "fault.bare-host",
       .hint = "get_ext returns null for what a host does not have. Do "
               "without it, or refuse in create and say so.",
       .needs = lives,
       .run = &BareHost},
      {.id = "fault.allocation",
       .hint = "At the memory limit of its child malloc returns null and new "
               "throws. A plugin that returns an error for that loses a "
               "message; one that does not look loses all that it knows.",
       .needs = {"message.plain", "message.read-only", "message.lifetime",
                 "abi.exceptions"},
       .run = &AllocationFails}};
}

}  // namespace weir
