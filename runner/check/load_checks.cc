#include <dirent.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "runner/check/check.h"
#include "runner/check/life.h"
#include "runner/check/process_state.h"

namespace weir {
namespace {

constexpr int kCycles = 100;
constexpr size_t kLeakBytes = 16 * 1024;

int64_t Ns(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string WithoutCheck(const absl::Status& status) {
  absl::string_view text = status.message();
  absl::ConsumePrefix(&text, "load.dlopen: ");
  return std::string(text);
}

Verdict Dlopen(Subject& subject) {
  const absl::Status status = subject.Load();
  // What its entry says is abi.table's matter.
  if (subject.loaded()) return Pass();
  return Fail(WithoutCheck(status));
}

Verdict Time(Subject& subject) {
  const int64_t wall = Ns(CLOCK_MONOTONIC);
  const int64_t cpu = Ns(CLOCK_PROCESS_CPUTIME_ID);
  if (!subject.Load().ok()) return Skip("it is not loaded");
  // The processor's time, so that a busy machine is not the plugin's fault;
  // the other one, for a constructor that waits for something.
  const int64_t cpu_ms = (Ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1'000'000;
  const int64_t wall_ms = (Ns(CLOCK_MONOTONIC) - wall) / 1'000'000;
  Verdict verdict = Pass(absl::StrCat(wall_ms, " ms"));
  if (cpu_ms > 100 || wall_ms > 2000) {
    verdict = Warn(absl::StrCat(
        "takes ", wall_ms, " ms to load, ", cpu_ms,
        " ms of them on the processor; leave to create what a static "
        "constructor does"));
  }
  verdict.figures = {{"load_ms", static_cast<double>(wall_ms)}};
  return verdict;
}

// That nothing was written is seen by whoever reads the output.
Verdict Quiet(Subject& subject) {
  const absl::Status status = subject.Load();
  return status.ok() ? Pass() : Skip("it is not loaded");
}

std::string Said(const absl::Status& status) {
  return status.message().empty() ? "it did not say why"
                                  : std::string(status.message());
}

Verdict Create(Subject& subject) {
  if (const auto status = subject.Load(); !status.ok()) {
    return Skip("it is not loaded");
  }
  CheckHost host;
  void* self = nullptr;
  const absl::Status status =
      subject.Create(host.table(), subject.config(), &self);
  if (status.ok()) return Pass();
  return Fail(absl::StrCat("create refuses the configuration ",
                           absl::string_view(subject.config()).substr(0, 60),
                           ": ", Said(status),
                           "; if it needs one, give it with --config FILE"));
}

Verdict Destroy(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  void* self = nullptr;
  if (!subject.Create(host.table(), subject.config(), &self).ok()) {
    return Skip("there is no instance");
  }
  subject.Destroy(self);
  return Pass();
}

// Configurations that the host would never give to it, and one that it might.
std::vector<std::pair<std::string, std::string>> OddConfigs() {
  std::string huge = R"({"x":")";
  huge.append(1 << 20, 'x');
  huge += R"("})";
  return {
      {"an empty text", ""},
      {"half an object", R"({"peers": [{"asn": 64)"},
      {"no JSON", "\xff\xfe\x01"},
      {"an array", "[1, 2, 3]"},
      {"null", "null"},
      {"keys that nobody knows", R"({"no-such-key": {"a": [null, 1e999]}})"},
      {"deep nesting", std::string(10'000, '[') + std::string(10'000, ']')},
      {"a megabyte", huge}};
}

Verdict BadConfig(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  std::string silent;
  for (const auto& [what, config] : OddConfigs()) {
    void* self = nullptr;
    const absl::Status status = subject.Create(host.table(), config, &self);
    if (status.ok()) {
      subject.Destroy(self);
    } else if (status.message().empty()) {
      silent = what;
    }
  }
  if (silent.empty()) return Pass();
  return Warn(absl::StrCat("create refuses ", silent,
                           " without a word; write into `err` what to fix"));
}

Verdict Twice(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  CheckHost host;
  MessageMemory memory({}, subject.board());
  const std::vector<Sample> samples = PlainSamples();
  Life first(subject, host, memory);
  if (!first.status().ok()) return Skip("there is no instance");
  first.HandleAll(samples);
  {
    Life second(subject, host, memory);
    if (!second.status().ok()) {
      return Warn(
          absl::StrCat("a second instance is refused while there is one: ",
                       Said(second.status()), "; keep state in the instance"));
    }
    second.HandleAll(samples);
    first.HandleAll(samples);
  }
  first.HandleAll(samples);
  return Pass();
}

Verdict Leak(Subject& subject) {
  if (!subject.Load().ok()) return Skip("it is not loaded");
  const std::vector<Sample> samples = PlainSamples();
  MessageMemory memory({}, subject.board());
  // Each on a worker of its own, as in a host: what belongs to the thread ends
  // with it.
  const auto cycle = [&] {
    bool lived = false;
    OnWorker([&] {
      CheckHost host;
      Life life(subject, host, memory);
      lived = life.status().ok();
      if (lived) life.HandleAll(samples);
    });
    memory.Reset();
    return lived;
  };
  // What is made once and kept is no leak. Of descriptors and threads there are
  // so few that more lives might use them up.
  if (!cycle()) return Skip("there is no instance");
  const size_t files = OpenFiles().size();
  const size_t threads = ThreadCount();
  for (int i = 0; i < 10; ++i) cycle();
  const size_t bytes = HeapBytes();
  for (int i = 0; i < kCycles; ++i) cycle();
  const size_t more_files = OpenFiles().size() - files;
  if (OpenFiles().size() > files) {
    return Fail(absl::StrCat("leaves ", more_files, " descriptors open in ",
                             kCycles, " lives; close them in destroy"));
  }
  if (AwaitThreadCount(threads) > threads) {
    return Fail(absl::StrCat("leaves ", ThreadCount() - threads,
                             " threads behind in ", kCycles,
                             " lives; join them in destroy"));
  }
  const size_t now = HeapBytes();
  if (now > bytes + kLeakBytes) {
    return Fail(absl::StrCat("leaves ", (now - bytes) / kCycles,
                             " bytes behind in each life; free them in "
                             "destroy"));
  }
  return Pass(absl::StrCat(kCycles, " lives"));
}

}  // namespace

std::vector<Check> LoadChecks() {
  const std::vector<std::string> whole = {"file.type",  "file.size",
                                          "elf.header", "elf.type",
                                          "elf.bounds", "elf.dynamic"};
  return {
      {.id = "load.dlopen",
       .hint = "A library that it needs is missing, or a symbol is not "
               "defined anywhere. ldd FILE names the first; -Wl,-z,defs finds "
               "the second when it is linked.",
       .needs = whole,
       .refuses = true,
       .run = &Dlopen},
      {.id = "load.quiet",
       .hint = "Static constructors run in whatever process looks at the "
               "plugin. Leave output to host.log, and work to the "
               "constructor of the class.",
       .needs = {"load.dlopen"},
       .crash_level = CheckLevel::kWarn,
       .run = &Quiet},
      {.id = "load.time",
       .hint = "The loader and static constructors should take a few "
               "milliseconds; nothing else can be loaded meanwhile.",
       .needs = {"load.dlopen"},
       .crash_level = CheckLevel::kWarn,
       .run = &Time},
      {.id = "load.create",
       .hint = "create makes an instance of the configuration, one JSON "
               "object; with an error it says in `err` what to fix. It has "
               "create_deadline, 10 s, to return.",
       .needs = {"load.dlopen", "abi.table", "abi.version"},
       .refuses = true,
       .run = &Create},
      {.id = "load.destroy",
       .hint = "destroy gives back what the instance has, and returns within "
               "5 s; threads are told to stop, and joined.",
       .needs = {"load.create"},
       .run = &Destroy},
      {.id = "load.bad-config",
       .hint = "A configuration that it does not understand must come to an "
               "error that says what to fix, never to a crash.",
       .needs = {"load.create", "load.destroy"},
       .run = &BadConfig},
      {.id = "load.twice",
       .hint = "Two instances in one process must not disturb each other. "
               "Keep state in the object, not in static variables.",
       .needs = {"message.plain", "message.read-only"},
       .run = &Twice},
      {.id = "load.leak",
       .hint = "What an instance took it gives back in destroy, since a "
               "plugin is reloaded and upgraded in a process that goes on.",
       .needs = {"message.plain", "message.read-only", "message.lifetime"},
       .run = &Leak,
       .own_threads = true}};
}

}  // namespace weir
