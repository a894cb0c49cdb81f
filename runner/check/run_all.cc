#include "runner/check/run_all.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "host/plugin/child_death.h"
#include "host/plugin/file_descriptor.h"
#include "runner/check/board.h"
#include "runner/check/check_child.h"
#include "runner/check/run_one.h"

namespace weir {
namespace {

template <size_t kSize>
std::string Text(const char (&chars)[kSize]) {
  return {chars, strnlen(chars, kSize)};
}

// A board in memory that a child can be given.
class SharedBoard {
 public:
  SharedBoard()
      : file_(memfd_create("check", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    if (!file_.ok() || ftruncate(file_.get(), sizeof(CheckBoard)) != 0) return;
    void* const memory =
        mmap(nullptr, sizeof(CheckBoard), PROT_READ | PROT_WRITE, MAP_SHARED,
             file_.get(), 0);
    if (memory != MAP_FAILED) board_ = static_cast<CheckBoard*>(memory);
    // Or a child could cut it short, and the next look would kill us.
    fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  }
  ~SharedBoard() {
    if (board_ != nullptr) munmap(board_, sizeof(CheckBoard));
  }

  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;

  bool ok() const { return board_ != nullptr; }
  int fd() const { return file_.get(); }
  const CheckBoard& operator*() const { return *board_; }
  const CheckBoard* operator->() const { return board_; }

 private:
  const FileDescriptor file_;
  CheckBoard* board_ = nullptr;
};

Verdict FromBoard(const CheckBoard& board) {
  Verdict verdict;
  const uint32_t level = board.level;
  verdict.level = level <= static_cast<uint32_t>(CheckLevel::kSkip)
                      ? static_cast<CheckLevel>(level)
                      : CheckLevel::kFail;
  verdict.text = Text(board.text);
  const uint32_t n = std::min(board.n_figures, CheckBoard::kMaxFigures);
  for (uint32_t i = 0; i < n; ++i) {
    verdict.figures.emplace_back(Text(board.figures[i].name),
                                 board.figures[i].value);
  }
  return verdict;
}

// What an address in the memory of messages means.
std::string WhatItTouched(const CheckBoard& board, uint64_t address) {
  if (address < board.messages_begin || address >= board.messages_end) {
    return address < 4096 ? ": a null pointer" : "";
  }
  if (address >= board.message_begin && address < board.message_end) {
    return ": it writes into the message; copy what you change";
  }
  if (board.message_end != 0 && address >= board.message_end &&
      address < board.message_end + 4096) {
    return ": it reads behind the end of the message; nothing ends a payload "
           "but its length";
  }
  return ": it uses a message whose call has returned; copy what you keep";
}

// The innermost frame in the plugin; "" if none is known.
std::string OwnFrame(const ChildDeath& death, const std::string& name) {
  const std::string prefix = absl::StrCat(kCheckModuleFd, "+0x");
  for (const std::string& frame : death.frames) {
    if (absl::StartsWith(frame, prefix)) {
      return absl::StrCat(" at ", name, "+0x", frame.substr(prefix.size()));
    }
  }
  return "";
}

Verdict FromDeath(const Check& check, const CheckedEnd& end,
                  const CheckBoard& board, const CheckRunOptions& options) {
  const ChildDeath death = DescribeDeath(end.wait_status, "", board.crash);
  const std::string where = OwnFrame(death, options.name);
  const std::string doing = Text(board.doing);
  const std::string in = doing.empty() ? "" : absl::StrCat(", in ", doing);
  Verdict verdict = {check.crash_level, ""};
  if (end.timed_out) {
    verdict.text = absl::StrCat(
        "not done after ", absl::FormatDuration(options.timeout), where, in);
  } else if (death.signal == 0) {
    verdict.text =
        absl::StrCat("ends its process with status ", death.exit_status, in,
                     "; return an error instead");
  } else {
    verdict.text = absl::StrCat(
        death.cause,
        death.signal == SIGSEGV || death.signal == SIGBUS
            ? absl::StrCat(" of the address 0x", absl::Hex(death.address))
            : "",
        where, in,
        death.signal == SIGSEGV ? WhatItTouched(board, death.address) : "");
  }
  return verdict;
}

// What only the outside of the process shows.
void LookFromOutside(const Check& check, const CheckedEnd& end,
                     Verdict& verdict) {
  if (verdict.level != CheckLevel::kPass) return;
  if (check.id == "thread.processes" && end.left_processes) {
    verdict = Fail(
        "leaves processes behind after destroy; end them and wait for them");
  }
  if ((check.id == "load.quiet" || check.id == "thread.output") &&
      !end.output.empty()) {
    verdict = Warn(
        absl::StrCat("writes to standard output or error",
                     check.id == "load.quiet" ? " when it is loaded: " : ": ",
                     end.output.substr(0, 80), "; use host.log"));
  }
}

// SIGINT and SIGTERM, as something to read.
FileDescriptor Interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC));
}

}  // namespace

absl::Status RunChecks(const ModuleCopy& module, const CheckRunOptions& options,
                       const std::function<void(const Check&, const Verdict&,
                                                absl::Duration)>& found) {
  BecomeSubreaper();
  const FileDescriptor interrupts = Interrupts();
  const absl::StatusOr<FileDescriptor> config =
      MemoryFile("config", options.config);
  if (!config.ok()) return config.status();
  std::map<std::string, std::string> stopped;  // By id, what made it so.
  for (const Check& check : AllChecks()) {
    if (options.chosen && !options.chosen(check.id)) continue;
    if (check.id == "replay.messages" && options.replay.empty()) continue;
    const auto need =
        std::find_if(check.needs.begin(), check.needs.end(),
                     [&](const std::string& id) { return stopped.count(id); });
    const absl::Time begin = absl::Now();
    Verdict verdict;
    if (need != check.needs.end()) {
      verdict = Skip(absl::StrCat("because of ", stopped[*need]));
      stopped[check.id] = stopped[*need];
    } else if (const auto known = module.verdicts.find(check.id);
               !check.run && known != module.verdicts.end()) {
      verdict = known->second;
    } else if (!check.run || !module.file.ok()) {
      verdict = Skip("the file was not read");
      stopped[check.id] = "file.type";
    } else {
      const SharedBoard board;
      if (!board.ok()) return absl::UnavailableError("no shared memory");
      const absl::StatusOr<CheckedEnd> end = RunCheckChild(
          options.runner, {"--check-one", check.id, options.replay},
          {module.file.get(), board.fd(), config->get()}, options.timeout,
          interrupts.get());
      if (!end.ok()) return end.status();
      if (end->interrupted) return absl::CancelledError("interrupted");
      const bool done = board->done.load(std::memory_order_acquire) != 0 &&
                        !end->timed_out && end->wait_status == 0;
      verdict =
          done ? FromBoard(*board) : FromDeath(check, *end, *board, options);
      // What the loader says names the file that it was given.
      verdict.text = absl::StrReplaceAll(
          verdict.text,
          {{absl::StrCat("/proc/self/fd/", kCheckModuleFd), options.name}});
      LookFromOutside(check, *end, verdict);
    }
    if (verdict.level == CheckLevel::kFail) stopped[check.id] = check.id;
    found(check, verdict, absl::Now() - begin);
  }
  return absl::OkStatus();
}

}  // namespace weir
