#include "host/plugin/probe_module.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "host/plugin/child_process.h"
#include "simdjson.h"

namespace weir {
namespace {

// A probe's answer is a short line, and one with a schema of 256 KiB, of which
// each byte may have to be escaped; more is none.
constexpr size_t kMaxAnswer = size_t{2} << 20;

absl::Status Refuse(absl::string_view check, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(check, ": ", what));
}

// Reads to the end. Returns false if `end` came first.
bool ReadAll(int fd, absl::Time end, std::string& text) {
  while (true) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd wait = {fd, POLLIN, 0};
    poll(&wait, 1,
         static_cast<int>(
             std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000)));
    std::array<char, 4096> bytes;
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n == 0) return true;
    if (n > 0 && text.size() < kMaxAnswer) {
      text.append(bytes.data(), static_cast<size_t>(n));
    }
  }
}

std::string Text(const simdjson::dom::element& answer, const char* key) {
  std::string_view text;
  if (answer[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

uint32_t Number(const simdjson::dom::element& answer, const char* key) {
  uint64_t number = 0;
  if (answer[key].get(number) != simdjson::SUCCESS) return 0;
  return static_cast<uint32_t>(number);
}

// Reads the second line, if it is there. One that was cut short is none.
absl::Status ParseSchema(absl::string_view line, ModuleProbe& probe) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  if (parser.parse(line.data(), line.size()).get(answer) != simdjson::SUCCESS ||
      !answer.is_object()) {
    return absl::OkStatus();
  }
  if (const std::string check = Text(answer, "check"); !check.empty()) {
    return Refuse(check, Text(answer, "error"));
  }
  probe.config_schema = Text(answer, "config_schema");
  return absl::OkStatus();
}

absl::StatusOr<ModuleProbe> ParseAnswer(const std::string& all, int status) {
  const size_t line_end = all.find('\n');
  const std::string text = all.substr(0, line_end);
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  if (parser.parse(text).get(answer) != simdjson::SUCCESS ||
      !answer.is_object()) {
    return Refuse(
        "load.crash",
        WIFSIGNALED(status)
            ? absl::StrCat("ends its process with SIG",
                           sigabbrev_np(WTERMSIG(status)), " when it is loaded")
            : absl::StrCat("ends its process with status ", WEXITSTATUS(status),
                           " when it is loaded"));
  }
  if (const std::string check = Text(answer, "check"); !check.empty()) {
    return Refuse(check, Text(answer, "error"));
  }
  ModuleProbe probe = {.name = Text(answer, "name"),
                       .version = Text(answer, "version"),
                       .abi_major = Number(answer, "abi_major"),
                       .abi_minor = Number(answer, "abi_minor"),
                       .config_schema = ""};
  if (line_end != std::string::npos) {
    absl::Status schema =
        ParseSchema(absl::string_view(all).substr(line_end + 1), probe);
    if (!schema.ok()) return schema;
  }
  return probe;
}

}  // namespace

absl::StatusOr<ModuleProbe> ProbeModule(const std::string& runner,
                                        const std::string& path,
                                        absl::Duration deadline, bool fenced) {
  absl::StatusOr<std::pair<OwnedFd, OwnedFd>> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  absl::StatusOr<ChildPid> child =
      SpawnChild({.program = runner,
                  .args = {fenced ? "--probe-fenced" : "--probe", path},
                  .out_fd = pipe->second.get()});
  pipe->second.Reset();
  if (!child.ok()) return child.status();
  std::string text;
  const bool in_time = ReadAll(pipe->first.get(), absl::Now() + deadline, text);
  // Its group, so that nothing that it started is left either.
  kill(-child->pid, SIGKILL);
  int status = 0;
  waitpid(child->pid, &status, 0);
  if (!in_time && text.find('\n') == std::string::npos) {
    return Refuse("load.time", absl::StrCat("not loaded after ",
                                            absl::FormatDuration(deadline)));
  }
  return ParseAnswer(text, status);
}

}  // namespace weir
