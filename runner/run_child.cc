#include "runner/run_child.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/crash_report.h"
#include "host/plugin/sandbox_support.h"
#include "runner/sandbox.h"
#include "runner/worker.h"

namespace weir {
namespace {

constexpr int kCannotBegin = 70;  // EX_SOFTWARE of sysexits.h.

int CannotBegin(const std::string& what) {
  std::fprintf(stderr, "weir-plugin-runner: %s\n", what.c_str());
  return kCannotBegin;
}

// What is shared with the host is not the plugin's memory, but its address
// space.
void LimitMemory([[maybe_unused]] const ChildChannel& channel) {
  // One heap for all threads: each further one takes 64 MiB of address space.
  mallopt(M_ARENA_MAX, 1);
#ifndef WEIR_SANITIZER  // Whose shadows take terabytes.
  if (channel.memory_limit_bytes > 0) {
    const rlim_t most =
        channel.memory_limit_bytes + channel.arena_bytes + sizeof(ChildChannel);
    const rlimit limit = {most, most};
    setrlimit(RLIMIT_AS, &limit);
  }
#endif
}

// Waits until the worker is done or the host is gone.
bool AwaitWorker(int done_fd) {
  pollfd waits[] = {{done_fd, POLLIN, 0}, {kChildLifeFd, 0, 0}};
  while (poll(waits, 2, -1) <= 0) {
  }
  return waits[0].revents != 0;
}

// A signal that is sent to the process goes to a thread that does not block it;
// that is to be the one with the plugin, so that the report shows its frames.
void LeaveSignalsToTheWorker() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGABRT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

int RunChild(const std::string& name, const std::string& module) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  absl::StatusOr<ChildChannelMemory> memory =
      ChildChannelMemory::Map(kChildChannelFd);
  if (!memory.ok()) {
    return CannotBegin("not started by weir-host; use it for --probe only");
  }
  ChildChannel& channel = **memory;
  if (channel.layout != kChildLayout) {
    return CannotBegin(
        "made for another build of weir-host; install both from one");
  }
  if (getppid() != channel.host_pid) return kCannotBegin;
  const void* arena = nullptr;
  if (channel.arena_bytes > 0) {
    arena = mmap(nullptr, channel.arena_bytes, PROT_READ, MAP_SHARED,
                 kChildArenaFd, 0);
    if (arena == MAP_FAILED) return CannotBegin(std::strerror(errno));
  }
  constexpr size_t kProtected = offsetof(ChildChannel, types);
  mprotect(reinterpret_cast<char*>(&channel) + kProtected,
           sizeof(ChildChannel) - kProtected, PROT_READ);
  LimitMemory(channel);
  ReportCrashesTo(channel.crash);
  tzset();  // What local time is can not be looked up any more later.
  const Sandbox sandbox(channel.sandbox, channel.data_dir,
                        FindSandboxSupport());
  if (const absl::Status begun = sandbox.Begin(); !begun.ok()) {
    return CannotBegin(std::string(begun.message()));
  }

  const int done_fd = eventfd(0, EFD_CLOEXEC);
  if (done_fd < 0) return CannotBegin(std::strerror(errno));
  Worker worker(channel, static_cast<const uint8_t*>(arena), module, sandbox);
  std::thread thread([&] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    worker.Run();
    eventfd_write(done_fd, 1);
  });
  LeaveSignalsToTheWorker();
  if (!AwaitWorker(done_fd)) _exit(0);  // Nobody is left to be told.
  thread.join();
  worker.Unload();
  // Whatever the plugin left to be done at exit was done by Unload.
  _exit(0);
}

}  // namespace weir
