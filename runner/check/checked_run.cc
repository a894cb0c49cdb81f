#include "runner/check/checked_run.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/plugin/child_death.h"
#include "runner/check/board.h"
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

// The innermost frame in the plugin, "x.so+0x12"; "" if none is known.
std::string OwnFrame(const ChildDeath& death, const std::string& name) {
  const std::string prefix = absl::StrCat(kCheckModuleFd, "+0x");
  for (const std::string& frame : death.frames) {
    if (absl::StartsWith(frame, prefix)) {
      return absl::StrCat(name, "+0x", frame.substr(prefix.size()));
    }
  }
  return "";
}

// Of one that has no verdict of its own.
void TellDeath(const ChildOfRunner& child, const CheckBoard& board,
               CheckedRun& run) {
  const ChildDeath death = DescribeDeath(run.end.wait_status, "", board.crash);
  run.where = OwnFrame(death, child.name);
  const std::string at =
      run.where.empty() ? "" : absl::StrCat(" at ", run.where);
  const std::string doing = Text(board.doing);
  const std::string in = doing.empty() ? "" : absl::StrCat(", in ", doing);
  run.verdict.level = child.crash_level;
  if (run.end.timed_out || board.hung != 0) {
    run.cause = "hangs";
    run.verdict.text = absl::StrCat(
        "not done after ",
        absl::FormatDuration(board.hung != 0 ? absl::Milliseconds(board.hung)
                                             : child.timeout),
        at, in);
  } else if (death.signal == 0) {
    run.cause = absl::StrCat("exit status ", death.exit_status);
    run.verdict.text =
        absl::StrCat("ends its process with status ", death.exit_status, in,
                     "; return an error instead");
  } else {
    run.cause = death.cause;
    run.verdict.text = absl::StrCat(
        death.cause,
        death.signal == SIGSEGV || death.signal == SIGBUS
            ? absl::StrCat(" of the address 0x", absl::Hex(death.address))
            : "",
        at, in,
        death.signal == SIGSEGV ? WhatItTouched(board, death.address) : "");
  }
}

}  // namespace

absl::StatusOr<CheckedRun> RunChecked(const ChildOfRunner& child,
                                      std::vector<std::string> words,
                                      const ModuleCopy& module, int config_fd,
                                      int interrupt_fd) {
  const SharedBoard board;
  if (!board.ok()) return absl::UnavailableError("no shared memory");
  absl::StatusOr<CheckedEnd> end = RunCheckChild(
      child.runner, std::move(words),
      {module.file.get(), board.fd(), config_fd}, child.timeout, interrupt_fd);
  if (!end.ok()) return end.status();
  CheckedRun run;
  run.end = *std::move(end);
  run.input = board->input;
  const bool done = board->done.load(std::memory_order_acquire) != 0 &&
                    !run.end.timed_out && run.end.wait_status == 0;
  if (done) {
    run.verdict = FromBoard(*board);
    if (board->threw != 0) run.cause = "exception";
  } else {
    TellDeath(child, *board, run);
  }
  // What the loader says names the file that it was given.
  run.verdict.text = absl::StrReplaceAll(
      run.verdict.text,
      {{absl::StrCat("/proc/self/fd/", kCheckModuleFd), child.name}});
  return run;
}

FileDescriptor WatchInterrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC));
}

}  // namespace weir
