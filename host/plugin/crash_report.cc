#include "host/plugin/crash_report.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir {
namespace {

// A page for us, the rest for the unwinder.
constexpr size_t kStackBytes = 64 * 1024;

std::atomic<ChildCrash*> crash_words{nullptr};
void (*before_report)() = nullptr;

// Of one thread, and gone with it.
class CrashStack {
 public:
  CrashStack()
      : memory_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) return;
    stack_t stack = {};
    stack.ss_sp = memory_;
    stack.ss_size = kStackBytes;
    sigaltstack(&stack, nullptr);
  }
  ~CrashStack() {
    if (memory_ == MAP_FAILED) return;
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(memory_, kStackBytes);
  }

  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;

 private:
  void* const memory_;
};

void* ProgramCounter(const void* context) {
  [[maybe_unused]] const auto* const machine =
      &static_cast<const ucontext_t*>(context)->uc_mcontext;
  // NOLINTBEGIN(performance-no-int-to-ptr): registers hold no pointers.
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine->gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine->pc);
#else
  return nullptr;
#endif
  // NOLINTEND(performance-no-int-to-ptr)
}

// The one lookup of the loader's that takes no lock.
void Describe(void* address, ChildCrash::Frame& frame) {
  frame.offset = reinterpret_cast<uintptr_t>(address);
  frame.module[0] = '\0';
  dl_find_object found = {};
  if (_dl_find_object(address, &found) != 0) return;
  const char* const path = found.dlfo_link_map->l_name;
  frame.offset -= found.dlfo_link_map->l_addr;
  // The program itself has no name.
  const char* const name =
      path[0] == '\0' ? program_invocation_short_name : path;
  const size_t length = std::strlen(name);
  const size_t room = sizeof(frame.module) - 1;
  std::memcpy(frame.module, name + length - std::min(length, room),
              std::min(length, room) + 1);
}

void OnSignal(int signal, siginfo_t* info, void* context) {
  ChildCrash* const words = crash_words.load();
  if (words == nullptr) {
    raise(signal);
    return;
  }
  ChildCrash& crash = *words;
  crash.signal = signal;
  crash.address =
      signal == SIGABRT ? 0 : reinterpret_cast<uintptr_t>(info->si_addr);
  crash.state.store(1, std::memory_order_release);
  if (before_report != nullptr) before_report();
  void* stack[ChildCrash::kMaxFrames];
  const int depth = backtrace(stack, ChildCrash::kMaxFrames);
  // What is before the place of the crash is this handler.
  void* const at = ProgramCounter(context);
  void** const end = stack + std::max(depth, 0);
  void** const begin = std::find(stack, end, at);
  uint32_t n = 0;
  if (begin == end && at != nullptr) Describe(at, crash.frames[n++]);
  for (void** frame = begin; frame != end; ++frame) {
    Describe(*frame, crash.frames[n++]);
  }
  crash.n_frames = n;
  crash.state.store(2, std::memory_order_release);
  // The handler is gone by SA_RESETHAND; this ends us when it returns.
  raise(signal);
}

}  // namespace

void ReportCrashesTo(ChildCrash& crash, void (*before)()) {
  before_report = before;
  crash_words.store(&crash);
  void* stack[1];
  backtrace(stack, 1);  // Loads the unwinder, which the handler must not.
  struct sigaction action = {};
  action.sa_sigaction = &OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND;
  for (const int signal :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP}) {
    sigaction(signal, &action, nullptr);
  }
}

void StopReportingCrashes() { crash_words.store(nullptr); }

void UseCrashStack() {
  thread_local const CrashStack stack;
  (void)stack;
}

}  // namespace weir
