#include "runner/fuzz/fuzz_main.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/plugin/file_descriptor.h"
#include "host/status/json_text.h"
#include "runner/check/check_child.h"
#include "runner/check/check_config.h"
#include "runner/check/checked_run.h"
#include "runner/check/module_copy.h"
#include "runner/check/module_words.h"
#include "runner/check/recorded_samples.h"
#include "runner/fuzz/finding_file.h"
#include "runner/fuzz/fuzz_child.h"
#include "runner/fuzz/mutator.h"

namespace weir {
namespace {

constexpr int kClean = 0;
constexpr int kFindings = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

constexpr size_t kMaxFindings = 16;
// Of deaths in all, each of which costs the start of a child, and a hang more.
constexpr uint64_t kMaxDeaths = 64;
// What one child tries; its start takes some 20 ms.
constexpr uint64_t kPerChild = 16 * kFuzzBlock;

struct Arguments {
  ChildOfRunner child;
  std::string config = "{}";
  std::string from;
  std::string module;
  std::string out = ".";
  uint64_t seed = std::random_device()();
  uint64_t runs = 0;
  int64_t seconds = 0;  // 0: not said.
  int64_t timeout_ms = 1000;
};

template <typename T>
absl::Status TakeNumber(absl::string_view name, absl::string_view text, T least,
                        T most, T* to) {
  if (absl::SimpleAtoi(text, to) && *to >= least && *to <= most) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": \"", text, "\" is no whole number from ", least, " to ", most));
}

absl::Status TakeOption(absl::string_view word, Arguments& arguments) {
  if (absl::ConsumePrefix(&word, "--name=")) {
    arguments.child.name = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--config=")) {
    absl::StatusOr<std::string> config = ReadCheckConfig(std::string(word));
    if (!config.ok()) return config.status();
    arguments.config = *std::move(config);
  } else if (absl::ConsumePrefix(&word, "--from=")) {
    arguments.from = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--out=")) {
    arguments.out = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--seed=")) {
    return TakeNumber<uint64_t>("--seed", word, 0, UINT64_MAX, &arguments.seed);
  } else if (absl::ConsumePrefix(&word, "--runs=")) {
    return TakeNumber<uint64_t>("--runs", word, 0, 1'000'000'000'000,
                                &arguments.runs);
  } else if (absl::ConsumePrefix(&word, "--seconds=")) {
    return TakeNumber<int64_t>("--seconds", word, 1, 604'800,
                               &arguments.seconds);
  } else if (absl::ConsumePrefix(&word, "--timeout-ms=")) {
    return TakeNumber<int64_t>("--timeout-ms", word, 1, 3'600'000,
                               &arguments.timeout_ms);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" is no option of --fuzz"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& words) {
  Arguments arguments;
  absl::StatusOr<std::string> module = ReadModuleWords(
      words, "--fuzz",
      [&](absl::string_view word) { return TakeOption(word, arguments); });
  if (!module.ok()) return module.status();
  arguments.module = *std::move(module);
  if (arguments.child.name.empty()) {
    arguments.child.name = NameOfModule(arguments.module);
  }
  if (arguments.runs == 0 && arguments.seconds == 0) arguments.seconds = 60;
  struct stat status;
  if (stat(arguments.out.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return absl::NotFoundError(
        absl::StrCat("--out: ", arguments.out, " is no directory"));
  }
  return arguments;
}

void Print(const std::string& line) {
  std::fputs(line.c_str(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kUsage;
}

// Runs a plugin through its inputs, and writes down what it comes to harm by.
class Fuzzer {
 public:
  Fuzzer(const Arguments& arguments, const ModuleCopy& module,
         FileDescriptor interrupts)
      : arguments_(arguments),
        module_(module),
        interrupts_(std::move(interrupts)) {}

  int Run() {
    const absl::Time begin = absl::Now();
    const absl::Status begun = Begin();
    if (absl::IsCancelled(begun)) return kInterrupted;
    if (!begun.ok()) return Refuse(begun);
    const absl::Time end = arguments_.seconds == 0
                               ? absl::InfiniteFuture()
                               : begin + absl::Seconds(arguments_.seconds);
    while ((arguments_.runs == 0 || next_ < arguments_.runs) &&
           absl::Now() < end && found_ < kMaxFindings &&
           found_ + again_ < kMaxDeaths) {
      const absl::Status tried = TrySome();
      if (absl::IsCancelled(tried)) return kInterrupted;
      if (!tried.ok()) return Refuse(tried);
    }
    Print(absl::StrCat(
        "{\"summary\": {\"module\": ", ToJsonString(arguments_.child.name),
        ", \"seed\": \"", arguments_.seed, "\", \"runs\": ", next_,
        ", \"errors\": ", errors_, ", \"found\": ", found_,
        ", \"again\": ", again_,
        ", \"ms\": ", absl::ToInt64Milliseconds(absl::Now() - begin), "}}"));
    return found_ > 0 ? kFindings : kClean;
  }

 private:
  // Asks what the plugin wants.
  absl::Status Begin() {
    absl::StatusOr<std::vector<Sample>> corpus = FuzzCorpus(arguments_.from);
    if (!corpus.ok()) return corpus.status();
    absl::StatusOr<FileDescriptor> config =
        MemoryFile("config", arguments_.config);
    if (!config.ok()) return config.status();
    config_ = *std::move(config);
    const absl::StatusOr<CheckedRun> run = RunRange({.count = 0});
    if (!run.ok()) return run.status();
    if (run->verdict.level != CheckLevel::kPass) {
      return absl::FailedPreconditionError(
          absl::StrCat(arguments_.child.name, ": ", run->verdict.text,
                       "; `weir plugin check` says more"));
    }
    wanted_ = static_cast<uint32_t>(Figure(*run, "wanted"));
    mutator_.emplace(*std::move(corpus), arguments_.seed, wanted_);
    if (!mutator_->empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        arguments_.child.name,
        ": it wants no message of those to begin with; give others with "
        "--from, or a configuration with --config"));
  }

  absl::Status TrySome() {
    FuzzRange range = {.first = next_, .count = kPerChild};
    if (arguments_.runs > 0) {
      range.count = std::min(range.count, arguments_.runs - next_);
    }
    const absl::StatusOr<CheckedRun> run = RunRange(range);
    if (!run.ok()) return run.status();
    errors_ += static_cast<uint64_t>(Figure(*run, "errors"));
    if (run->verdict.level == CheckLevel::kPass) {
      next_ += range.count;
      return absl::OkStatus();
    }
    const uint64_t input =
        std::clamp(run->input, range.first, range.first + range.count - 1);
    next_ = input + 1;
    // An exception has no place any more, and a loop has many.
    const bool threw = run->cause == "exception";
    const bool hangs = run->cause == "hangs";
    if (!known_
             .insert(absl::StrCat(run->cause, " ",
                                  threw   ? run->verdict.text
                                  : hangs ? std::string()
                                          : run->where))
             .second) {
      ++again_;
      return absl::OkStatus();
    }
    ++found_;
    return Tell(range.first, input, *run);
  }

  // Writes what the plugin came to harm by at `input`, and tells of it.
  absl::Status Tell(uint64_t first, uint64_t input, const CheckedRun& run) {
    // What the instance had seen before.
    const uint64_t block = input - input % kFuzzBlock;
    std::vector<Sample> inputs;
    for (uint64_t n = std::max(first, block); n <= input; ++n) {
      inputs.push_back(mutator_->Make(n));
    }
    const std::string stem =
        arguments_.child.name.substr(0, arguments_.child.name.rfind('.'));
    const std::string path =
        absl::StrCat(arguments_.out, "/", stem, "-", input, ".json");
    absl::StatusOr<FindingFile::Written> written =
        FindingFile(path, {.cause = run.cause, .where = run.where}, [&] {
          return RunReplay(path);
        }).Write(std::move(inputs));
    if (!written.ok()) return written.status();
    Print(absl::StrCat(
        "{\"found\": {\"input\": ", input, ", \"cause\": ",
        ToJsonString(run.cause), ", \"where\": ", ToJsonString(run.where),
        ", \"message\": ", ToJsonString(run.verdict.text), ", \"file\": ",
        ToJsonString(path), ", \"messages\": ", written->messages,
        ", \"reproduced\": ", written->reproduced ? "true" : "false", "}}"));
    return absl::OkStatus();
  }

  absl::StatusOr<CheckedRun> RunRange(FuzzRange range) {
    range.seed = arguments_.seed;
    range.wanted = wanted_;
    range.timeout_ms = arguments_.timeout_ms;
    std::vector<std::string> words = {"--fuzz-some", arguments_.from};
    for (std::string& word : ToWords(range)) words.push_back(std::move(word));
    // The child looks after each input itself; this is for all of them.
    return RunIt(std::move(words),
                 absl::Seconds(10) + absl::Milliseconds(arguments_.timeout_ms) *
                                         (range.count + 2));
  }

  absl::StatusOr<CheckedRun> RunReplay(const std::string& path) {
    return RunIt({"--check-one", "replay.messages", path},
                 absl::Milliseconds(500) +
                     absl::Milliseconds(arguments_.timeout_ms) * 2);
  }

  absl::StatusOr<CheckedRun> RunIt(std::vector<std::string> words,
                                   absl::Duration timeout) {
    ChildOfRunner child = arguments_.child;
    child.timeout = timeout;
    absl::StatusOr<CheckedRun> run = RunChecked(
        child, std::move(words), module_, config_.get(), interrupts_.get());
    if (run.ok() && run->end.interrupted) {
      return absl::CancelledError("interrupted");
    }
    return run;
  }

  static double Figure(const CheckedRun& run, const std::string& name) {
    for (const auto& [key, value] : run.verdict.figures) {
      if (key == name) return value;
    }
    return 0;
  }

  const Arguments& arguments_;
  const ModuleCopy& module_;
  const FileDescriptor interrupts_;
  FileDescriptor config_;
  uint32_t wanted_ = 0;
  std::optional<Mutator> mutator_;
  uint64_t next_ = 0;
  uint64_t errors_ = 0;
  size_t found_ = 0;
  uint64_t again_ = 0;
  std::set<std::string> known_;
};

}  // namespace

int FuzzMain(const std::vector<std::string>& words) {
  absl::StatusOr<Arguments> arguments = Parse(words);
  if (!arguments.ok()) return Refuse(arguments.status());
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const absl::StatusOr<ModuleCopy> module =
      ModuleCopy::Read(arguments->module, arguments->child.name);
  if (!module.ok()) return Refuse(module.status());
  for (const auto& [id, verdict] : module->verdicts) {
    if (verdict.level != CheckLevel::kFail) continue;
    return Refuse(absl::InvalidArgumentError(
        absl::StrCat(arguments->child.name, ": ", id, ": ", verdict.text)));
  }
  arguments->child.runner =
      std::filesystem::read_symlink("/proc/self/exe").string();
  FileDescriptor interrupts = WatchInterrupts();
  arguments->config =
      WithDefaults(*module, arguments->child, arguments->config);
  BecomeSubreaper();
  return Fuzzer(*arguments, *module, std::move(interrupts)).Run();
}

}  // namespace weir
