#include "runner/check/check_main.h"

#include <regex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "host/plugin/elf_check.h"
#include "host/status/json_text.h"
#include "runner/check/check_config.h"
#include "runner/check/module_words.h"
#include "runner/check/recorded_samples.h"
#include "runner/check/run_all.h"
#include "runner/check/run_one.h"

namespace weir {
namespace {

constexpr int kClean = 0;
constexpr int kFindings = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

using Regex = std::unique_ptr<regex_t, void (*)(regex_t*)>;

struct Arguments {
  CheckRunOptions options;
  std::string module;
  std::string in_process;
  std::vector<Regex> include;
  std::vector<Regex> exclude;
};

absl::StatusOr<Regex> Compile(absl::string_view text) {
  Regex regex(new regex_t, [](regex_t* r) {
    regfree(r);
    delete r;
  });
  const int error =
      regcomp(regex.get(), std::string(text).c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) return regex;
  std::array<char, 128> why = {};
  regerror(error, regex.get(), why.data(), why.size());
  delete regex.release();  // There is nothing in it to free.
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no regular expression: ", why.data()));
}

bool Matches(const std::vector<Regex>& regexes, absl::string_view id) {
  const std::string text(id);
  return std::any_of(regexes.begin(), regexes.end(), [&](const Regex& regex) {
    return regexec(regex.get(), text.c_str(), 0, nullptr, 0) == 0;
  });
}

absl::Status TakeOption(absl::string_view word, Arguments& arguments) {
  if (absl::ConsumePrefix(&word, "--name=")) {
    arguments.options.name = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--config=")) {
    absl::StatusOr<std::string> config = ReadCheckConfig(std::string(word));
    if (!config.ok()) return config.status();
    arguments.options.config = *std::move(config);
  } else if (absl::ConsumePrefix(&word, "--replay=")) {
    arguments.options.replay = std::string(word);
    // Its children read it again; what is wrong with it is told once, here.
    const auto samples = ReadSamples(arguments.options.replay, /*most=*/1);
    if (!samples.ok()) return samples.status();
  } else if (absl::ConsumePrefix(&word, "--in-process=")) {
    arguments.in_process = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--timeout-ms=")) {
    int ms = 0;
    if (!absl::SimpleAtoi(word, &ms) || ms < 1 || ms > 3'600'000) {
      return absl::InvalidArgumentError(
          absl::StrCat("--timeout-ms: \"", word, "\" is not 1 to 3600000"));
    }
    arguments.options.timeout = absl::Milliseconds(ms);
  } else {
    const bool include = absl::ConsumePrefix(&word, "--include=");
    if (!include && !absl::ConsumePrefix(&word, "--exclude=")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is no option of --check"));
    }
    absl::StatusOr<Regex> regex = Compile(word);
    if (!regex.ok()) return regex.status();
    (include ? arguments.include : arguments.exclude)
        .push_back(*std::move(regex));
  }
  return absl::OkStatus();
}

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& words) {
  Arguments arguments;
  absl::StatusOr<std::string> module = ReadModuleWords(
      words, "--check",
      [&](absl::string_view word) { return TakeOption(word, arguments); });
  if (!module.ok()) return module.status();
  arguments.module = *std::move(module);
  if (arguments.options.name.empty()) {
    arguments.options.name = NameOfModule(arguments.module);
  }
  return arguments;
}

absl::string_view Name(CheckLevel level) {
  switch (level) {
    case CheckLevel::kPass:
      return "pass";
    case CheckLevel::kWarn:
      return "warn";
    case CheckLevel::kFail:
      return "fail";
    case CheckLevel::kSkip:
      return "skip";
  }
  return "";
}

void Print(const std::string& line) {
  std::fputs(line.c_str(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Print(const Check& check, const Verdict& verdict, absl::Duration took) {
  std::string figures;
  for (const auto& [name, value] : verdict.figures) {
    absl::StrAppend(&figures, figures.empty() ? "" : ", ", ToJsonString(name),
                    ": ", value);
  }
  Print(absl::StrCat("{\"check\": ", ToJsonString(check.id), ", \"level\": \"",
                     Name(verdict.level),
                     "\", \"message\": ", ToJsonString(verdict.text),
                     ", \"hint\": ", ToJsonString(check.hint),
                     ", \"refuses\": ", check.refuses ? "true" : "false",
                     ", \"ms\": ", absl::ToInt64Milliseconds(took),
                     ", \"figures\": {", figures, "}}"));
}

// The note of the module; all zero if it has none.
weir_note ReadNote(const ModuleCopy& module) {
  struct stat status;
  if (!module.file.ok() || fstat(module.file.get(), &status) != 0 ||
      status.st_size == 0) {
    return {};
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* const bytes =
      mmap(nullptr, size, PROT_READ, MAP_PRIVATE, module.file.get(), 0);
  if (bytes == MAP_FAILED) return {};
  const weir_note note = CheckElf({static_cast<const char*>(bytes), size}).note;
  munmap(bytes, size);
  return note;
}

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kUsage;
}

int RunInProcess(const Arguments& arguments) {
  for (const Check& check : AllChecks()) {
    if (check.id != arguments.in_process || !check.run) continue;
    const Verdict verdict =
        RunCheckHere(check, arguments.module, arguments.options.config,
                     arguments.options.replay);
    Print(check, verdict, absl::ZeroDuration());
    return verdict.level == CheckLevel::kFail ? kFindings : kClean;
  }
  return Refuse(absl::NotFoundError(
      absl::StrCat("\"", arguments.in_process,
                   "\" is no check that runs code of the plugin; a run "
                   "without --in-process names them")));
}

}  // namespace

int CheckMain(const std::vector<std::string>& words) {
  absl::StatusOr<Arguments> arguments = Parse(words);
  if (!arguments.ok()) return Refuse(arguments.status());
  if (!arguments->in_process.empty()) return RunInProcess(*arguments);
  // Whoever started us wants to know; if it is gone, nobody does.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const absl::StatusOr<ModuleCopy> module =
      ModuleCopy::Read(arguments->module, arguments->options.name);
  if (!module.ok()) return Refuse(module.status());
  arguments->options.runner =
      std::filesystem::read_symlink("/proc/self/exe").string();
  arguments->options.chosen = [&](absl::string_view id) {
    return (arguments->include.empty() || Matches(arguments->include, id)) &&
           !Matches(arguments->exclude, id);
  };
  std::array<int, 4> counts = {};
  bool loadable = true;
  const absl::Status run = RunChecks(
      *module, arguments->options,
      [&](const Check& check, const Verdict& verdict, absl::Duration took) {
        ++counts[static_cast<size_t>(verdict.level)];
        if (verdict.level == CheckLevel::kFail && check.refuses) {
          loadable = false;
        }
        Print(check, verdict, took);
      });
  if (absl::IsCancelled(run)) return kInterrupted;
  if (!run.ok()) return Refuse(run);
  if (std::all_of(counts.begin(), counts.end(), [](int n) { return n == 0; })) {
    return Refuse(
        absl::InvalidArgumentError("no check matches --include and --exclude"));
  }
  const weir_note note = ReadNote(*module);
  const auto text = [](const auto& chars) {
    return ToJsonString(
        absl::string_view(chars, strnlen(chars, sizeof(chars))));
  };
  Print(absl::StrCat(
      "{\"summary\": {\"module\": ", ToJsonString(arguments->options.name),
      ", \"name\": ", text(note.name), ", \"version\": ", text(note.version),
      ", \"abi_version\": ", note.abi_major, ", \"pass\": ", counts[0],
      ", \"warn\": ", counts[1], ", \"fail\": ", counts[2], ", \"skip\": ",
      counts[3], ", \"loadable\": ", loadable ? "true" : "false", "}}"));
  const auto failed = counts[static_cast<size_t>(CheckLevel::kFail)];
  return failed > 0 ? kFindings : kClean;
}

}  // namespace weir
