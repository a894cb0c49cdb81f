#include "runner/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace weir {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "name the architecture of the system calls here"
#endif

// The last call that was there when the lists below were written; the C library
// of a later day may try a newer one, and must be told that there is none.
constexpr uint32_t kNewestKnown = SYS_set_mempolicy_home_node;

// Numbers of x32, another way of calling the same kernel.
[[maybe_unused]] constexpr uint32_t kX32 = 0x40000000;

constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;

// What an argument must be: one of `values` under `mask`, or none of them.
struct Argument {
  uint32_t index;
  uint32_t mask;
  std::vector<uint32_t> values;
  bool none_of = false;
  bool is_pointer = false;  // Then its upper half must be 0, too.
};

struct Rule {
  long number;
  std::vector<Argument> arguments = {};
  uint32_t result = SECCOMP_RET_ALLOW;
};

constexpr uint32_t kAll = UINT32_MAX;

// Memory, threads, time, and what is open already.
constexpr long kAlways[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_lseek,
    SYS_close,
    SYS_close_range,
    SYS_fstat,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_ppoll,
    SYS_pselect6,
    SYS_sendfile,
    // Memory.
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_msync,
    SYS_mincore,
    SYS_mlock,
    SYS_munlock,
    SYS_membarrier,
    // Threads.
    SYS_futex,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_exit,
    SYS_exit_group,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_getcpu,
    SYS_gettid,
    // Signals.
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_restart_syscall,
    // Time and chance.
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_timer_create,
    SYS_timer_settime,
    SYS_timer_gettime,
    SYS_timer_getoverrun,
    SYS_timer_delete,
    SYS_getrandom,
    // Who and where.
    SYS_getpid,
    SYS_getppid,
    SYS_getpgid,
    SYS_getsid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_getrusage,
    SYS_times,
    SYS_sysinfo,
    SYS_uname,
    SYS_umask,
    // A fence is only ever made closer.
    SYS_landlock_create_ruleset,
    SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
    SYS_seccomp,
#if defined(__x86_64__)
    SYS_dup2,
    SYS_pipe,
    SYS_eventfd,
    SYS_epoll_create,
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_time,
    SYS_getpgrp,
    SYS_arch_prctl,
    SYS_pause,
    SYS_alarm,
#endif
};

constexpr long kFiles[] = {
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_chdir,
    SYS_fchdir,
    SYS_statfs,
    SYS_fstatfs,
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_linkat,
    SYS_symlinkat,
    SYS_flock,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_readahead,
    SYS_sync_file_range,
    SYS_syncfs,
    SYS_copy_file_range,
    SYS_splice,
    SYS_tee,
    SYS_memfd_create,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
#if defined(SYS_renameat)
    SYS_renameat,
#endif
#if defined(__x86_64__)
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_mkdir,
    SYS_rmdir,
    SYS_unlink,
    SYS_rename,
    SYS_link,
    SYS_symlink,
    SYS_creat,
    SYS_getdents,
    SYS_inotify_init,
#endif
};

constexpr long kSockets[] = {
    SYS_connect,  SYS_bind,        SYS_listen,      SYS_accept,
    SYS_accept4,  SYS_getsockname, SYS_getpeername, SYS_sendto,
    SYS_recvfrom, SYS_sendmsg,     SYS_recvmsg,     SYS_sendmmsg,
    SYS_recvmmsg, SYS_shutdown,    SYS_setsockopt,  SYS_getsockopt,
};

constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                 CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                 CLONE_NEWNET;

std::vector<Rule> ConditionalRules(pid_t pid) {
  const auto self = static_cast<uint32_t>(pid);
  return {
    // Threads, and neither processes nor new worlds.
    {SYS_clone, {{0, CLONE_THREAD | kNamespaces, {CLONE_THREAD}}}},
        // It has its flags in memory; with ENOSYS the C library uses clone.
        {SYS_clone3, {}, kNoSuchCall},
        // To itself.
        {SYS_kill, {{0, kAll, {self}}}}, {SYS_tgkill, {{0, kAll, {self}}}},
        {SYS_rt_tgsigqueueinfo, {{0, kAll, {self}}}},
        // Limits are read, not set.
        {SYS_prlimit64,
         {{0, kAll, {0, self}}, {2, kAll, {0}, false, /*is_pointer=*/true}}},
#if defined(SYS_getrlimit)
        {SYS_getrlimit},
#endif
        {SYS_prctl,
         {{0,
           kAll,
           {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_TIMERSLACK,
            PR_GET_TIMERSLACK, PR_GET_SECCOMP, PR_SET_NO_NEW_PRIVS,
            PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_SET_VMA}}}},
        // Not whom to send signals to, which another process could be.
        {SYS_fcntl,
         {{1,
           kAll,
           {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL,
            F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
            F_GET_SEALS, F_ADD_SEALS, F_GETPIPE_SZ, F_SETPIPE_SZ}}}},
        {SYS_ioctl,
         {{1, kAll, {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX}}}},
  };
}

std::vector<Rule> FileRules() {
  // A read-only open that cuts the file: Landlock before its version 3 lets it
  // pass wherever it may be read.
  const Argument honest = {2, O_ACCMODE | O_TRUNC, {O_RDONLY | O_TRUNC}, true};
  return {
    {SYS_openat, {honest}}, {SYS_openat2, {}, kNoSuchCall},
#if defined(SYS_open)
        {SYS_open, {{1, honest.mask, honest.values, true}}},
#endif
        // Of a descriptor, not of a path: those Landlock does not look at.
        {SYS_utimensat, {{1, kAll, {0}, false, /*is_pointer=*/true}}},
  };
}

std::vector<Rule> SocketRules() {
  return {
      {SYS_socket, {{0, kAll, {AF_INET, AF_INET6, AF_NETLINK}}}},
      {SYS_socketpair, {{0, kAll, {AF_UNIX}}}},
  };
}

constexpr uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr uint32_t kArch = offsetof(seccomp_data, arch);

// The lower half first: both machines are little-endian.
constexpr uint32_t Lower(uint32_t argument) {
  return offsetof(seccomp_data, args) + argument * sizeof(uint64_t);
}

class Program {
 public:
  Program() {
    Load(kArch);
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    Return(SECCOMP_RET_KILL_PROCESS);
    Load(kNumber);
#if defined(__x86_64__)
    Add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1));
    Return(kRefuse);
#endif
  }

  void Allow(absl::Span<const long> numbers) {
    for (const long number : numbers) Apply({number});
  }
  void Apply(absl::Span<const Rule> rules) {
    for (const Rule& rule : rules) Apply(rule);
  }

  std::vector<sock_filter> Finish() && {
    Add(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kNewestKnown, 0, 1));
    Return(kNoSuchCall);
    Return(kRefuse);
    return std::move(code_);
  }

 private:
  // Skips all that follows if it is another call; so the number stays loaded
  // for the next rule.
  void Apply(const Rule& rule) {
    const size_t jump = code_.size();
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(rule.number),
                 0, 0));
    for (const Argument& argument : rule.arguments) Require(argument);
    Return(rule.result);
    code_[jump].jf = static_cast<uint8_t>(code_.size() - jump - 1);
  }

  void Require(const Argument& argument) {
    if (argument.is_pointer) {
      Load(Lower(argument.index) + sizeof(uint32_t));
      Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
      Return(kRefuse);
    }
    Load(Lower(argument.index));
    Add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, argument.mask));
    // A value that is found jumps over the others, and over the refusal or,
    // with none_of, over the jump around it.
    for (size_t left = argument.values.size(); left > 0; --left) {
      Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                   argument.values[argument.values.size() - left],
                   static_cast<uint8_t>(left), 0));
    }
    if (argument.none_of) Add(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
    Return(kRefuse);
  }

  void Load(uint32_t offset) {
    Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
  }
  void Return(uint32_t result) { Add(BPF_STMT(BPF_RET | BPF_K, result)); }
  void Add(sock_filter instruction) { code_.push_back(instruction); }

  std::vector<sock_filter> code_;
};

}  // namespace

std::vector<sock_filter> MakeSyscallFilter(const AllowedCalls& allowed,
                                           pid_t pid) {
  Program program;
  program.Allow(kAlways);
  program.Apply(ConditionalRules(pid));
  if (allowed.files) {
    program.Allow(kFiles);
    program.Apply(FileRules());
  } else {
    // What fstat is made of today. Of a path, which cannot be seen here, it
    // would tell no more than that it is there.
    program.Apply({{SYS_newfstatat, {{3, kAll, {AT_EMPTY_PATH}}}}});
  }
  if (allowed.sockets) {
    program.Allow(kSockets);
    program.Apply(SocketRules());
  }
  return std::move(program).Finish();
}

absl::Status InstallSyscallFilter(std::vector<sock_filter> filter,
                                  bool all_threads) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  const unsigned int flags = all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0;
  const long result =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (result == 0) return absl::OkStatus();
  if (result > 0) {  // With TSYNC, a thread's number.
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: thread ", result,
                     " has a seccomp filter of its own; leave that to the "
                     "host, or set sandbox: none"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("sandbox: seccomp: ", std::strerror(errno)));
}

}  // namespace weir
