#include "host/plugin/module_validator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "host/plugin/child_process.h"
#include "simdjson.h"

namespace weir {
namespace {

// A few hundred lines of up to 4 KiB are all that a runner of ours writes.
constexpr size_t kMaxAnswer = 4 << 20;

using Finding = PluginCheckReport::Finding;
using Level = PluginCheckReport::Level;

absl::StatusOr<OwnedFd> InMemory(absl::string_view text) {
  OwnedFd file(memfd_create("weir-config", MFD_CLOEXEC));
  while (file.get() >= 0 && !text.empty()) {
    const ssize_t n = write(file.get(), text.data(), text.size());
    if (n < 0 && errno != EINTR) break;
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
  if (file.get() >= 0 && text.empty()) return file;
  return absl::UnavailableError(
      absl::StrCat("a configuration in memory: ", std::strerror(errno)));
}

// Reads to the end of `fd`.
absl::StatusOr<std::string> ReadAll(int fd, absl::Time deadline, int stop_fd) {
  std::string text;
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("not checked before the deadline");
    }
    pollfd waits[] = {{fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    const auto ms =
        std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000);
    if (poll(waits, 2, static_cast<int>(ms)) <= 0) continue;
    if (waits[1].revents != 0) return absl::CancelledError("stopped");
    std::array<char, 16384> bytes;
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n == 0) return text;
    if (n > 0 && text.size() < kMaxAnswer) {
      text.append(bytes.data(), static_cast<size_t>(n));
    }
  }
}

std::string Text(const simdjson::dom::element& line, const char* key) {
  std::string_view text;
  if (line[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

// Nothing for a check that was passed over.
std::optional<Finding> ToFinding(const simdjson::dom::element& line) {
  Finding finding = {.check = Text(line, "check"),
                     .message = Text(line, "message")};
  const std::string level = Text(line, "level");
  if (finding.check.empty() || level == "skip") return std::nullopt;
  bool refuses = false;
  if (line["refuses"].get(refuses) != simdjson::SUCCESS) refuses = false;
  if (level == "fail") {
    finding.level = refuses ? Level::kError : Level::kWarning;
  } else if (level == "warn") {
    finding.level = Level::kWarning;
  }
  return finding;
}

absl::StatusOr<std::vector<Finding>> Parse(const std::string& text) {
  std::vector<Finding> findings;
  bool complete = false;
  simdjson::dom::parser parser;
  for (const absl::string_view line :
       absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    simdjson::dom::element element;
    if (parser.parse(line.data(), line.size()).get(element) !=
            simdjson::SUCCESS ||
        !element.is_object()) {
      continue;
    }
    simdjson::dom::element summary;
    complete = element["summary"].get(summary) == simdjson::SUCCESS || complete;
    if (auto finding = ToFinding(element); finding.has_value()) {
      findings.push_back(*std::move(finding));
    }
  }
  if (complete) return findings;
  return absl::UnavailableError(
      "weir-plugin-runner ended before it had checked all; is it of another "
      "build than this host?");
}

}  // namespace

absl::StatusOr<std::vector<Finding>> ValidateModule(
    const std::string& runner, const std::string& path, absl::string_view name,
    absl::string_view config_json, absl::Time deadline, int stop_fd) {
  absl::StatusOr<OwnedFd> config = InMemory(config_json);
  if (!config.ok()) return config.status();
  absl::StatusOr<std::pair<OwnedFd, OwnedFd>> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  absl::StatusOr<ChildPid> child =
      SpawnChild({.program = runner,
                  .args = {"--check", absl::StrCat("--name=", name),
                           "--config=/proc/self/fd/3", "--timeout-ms=5000",
                           "--exclude=^(file|perf)\\.", path},
                  .out_fd = pipe->second.get(),
                  .fds = {config->get()}});
  pipe->second.Reset();
  if (!child.ok()) return child.status();
  absl::StatusOr<std::string> text =
      ReadAll(pipe->first.get(), deadline, stop_fd);
  // It takes its children with it, which are in groups of their own.
  if (!text.ok()) kill(child->pid, SIGTERM);
  int status = 0;
  waitpid(child->pid, &status, 0);
  if (!text.ok()) return text.status();
  return Parse(*text);
}

}  // namespace weir
