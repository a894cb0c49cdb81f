#include "runner/check/run_one.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "host/plugin/crash_report.h"

namespace weir {
namespace {

constexpr int kCannotBegin = 70;  // EX_SOFTWARE of sysexits.h.

// As PluginSettings.memory_limit_bytes is by default, and what the messages of
// a check take.
[[maybe_unused]] constexpr rlim_t kMaxMemory = rlim_t{512 + 96} << 20;
constexpr rlim_t kMaxFiles = 64;
// Nothing that a check does makes a plugin write much to a disk.
constexpr rlim_t kMaxFileBytes = rlim_t{64} << 20;

void Limit(int resource, rlim_t most) {
  const rlimit limit = {most, most};
  setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

void SetLimits() {
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_NOFILE, kMaxFiles);
  Limit(RLIMIT_FSIZE, kMaxFileBytes);
#ifndef WEIR_SANITIZER  // Whose shadows take terabytes.
  Limit(RLIMIT_AS, kMaxMemory);
#endif
}

// All of a file that is mapped to the end of this process; null and 0 if it
// cannot be.
absl::string_view Map(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0 || status.st_size <= 0) return {};
  const auto size = static_cast<size_t>(status.st_size);
  const void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) return {};
  return {static_cast<const char*>(bytes), size};
}

// A signal that is sent to the process, for a report of where it hangs, goes to
// a thread that does not block it: to the one with the plugin.
void LeaveAbortToTheWorker() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGABRT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void Post(const Verdict& verdict, CheckBoard& board) {
  board.level = static_cast<uint32_t>(verdict.level);
  const size_t size = std::min(verdict.text.size(), sizeof(board.text) - 1);
  std::memcpy(board.text, verdict.text.data(), size);
  board.text[size] = '\0';
  board.n_figures = 0;
  for (const auto& [name, value] : verdict.figures) {
    if (board.n_figures == CheckBoard::kMaxFigures) break;
    CheckBoard::Figure& figure = board.figures[board.n_figures++];
    const size_t length = std::min(name.size(), sizeof(figure.name) - 1);
    std::memcpy(figure.name, name.data(), length);
    figure.name[length] = '\0';
    figure.value = value;
  }
  board.done.store(1, std::memory_order_release);
}

}  // namespace

int RunOneCheck(const std::string& id, const std::string& replay) {
  for (const Check& check : AllChecks()) {
    if (check.id == id && check.run) return RunInChild(check, replay);
  }
  return kCannotBegin;
}

int RunInChild(const Check& check, const std::string& replay) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  void* const memory = mmap(nullptr, sizeof(CheckBoard), PROT_READ | PROT_WRITE,
                            MAP_SHARED, kCheckBoardFd, 0);
  if (memory == MAP_FAILED) return kCannotBegin;
  CheckBoard& board = *static_cast<CheckBoard*>(memory);
  const absl::string_view bytes = Map(kCheckModuleFd);
  const std::string config(Map(kCheckConfigFd));
  close(kCheckBoardFd);
  close(kCheckConfigFd);
  SetLimits();
  ReportCrashesTo(board.crash);
  Subject subject(absl::StrCat("/proc/self/fd/", kCheckModuleFd), bytes, config,
                  board);
  subject.set_replay(replay);
  if (!check.own_threads) {
    Verdict verdict;
    std::thread worker([&] {
      UseCrashStack();
      verdict = check.run(subject);
    });
    LeaveAbortToTheWorker();
    worker.join();
    Post(verdict, board);
  } else {
    Post(check.run(subject), board);
  }
  _exit(0);  // Without what the plugin left to be done at exit.
}

Verdict RunCheckHere(const Check& check, const std::string& path,
                     const std::string& config, const std::string& replay) {
  const auto board = std::make_unique<CheckBoard>();
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file),
                          std::istreambuf_iterator<char>()};
  Subject subject(path, bytes, config, *board);
  subject.set_replay(replay);
  if (check.own_threads) return check.run(subject);
  Verdict verdict;
  OnWorker([&] { verdict = check.run(subject); });
  return verdict;
}

}  // namespace weir
