#ifndef WEIR_HOST_PLUGIN_CHILD_SUPERVISOR_H_
#define WEIR_HOST_PLUGIN_CHILD_SUPERVISOR_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/plugin/child_process.h"
#include "host/sync/mutex.h"

namespace weir {

// What a child costs. A value.
struct ChildUsage {
  double cpu_seconds = 0;  // Of its whole life so far.
  uint64_t rss_bytes = 0;  // Now; 0 after its end. With the memory it shares.
};

// Is told of one child. All calls come from the supervisor's thread, none of
// them after OnEnd, and should be quick: all other children wait.
class ChildListener {
 public:
  virtual ~ChildListener() = default;

  // The child wrote to its eventfd.
  virtual void OnNotify() = 0;
  // It wrote to standard output or standard error: any piece of text.
  virtual void OnOutput(absl::string_view text) = 0;
  // It ended, and all that it wrote was told. `wait_status` is as of waitpid.
  virtual void OnEnd(int wait_status, const ChildUsage& usage) = 0;
};

// Starts child processes and watches over all of them with one thread.
//
// One thread, which lives as long as the host, because the kernel's promise to
// end a child with its parent means the thread that started it. And because
// that promise can be missed, each child also gets the reading end of a pipe
// whose writing end is nowhere but here.
//
// Thread-safe.
class ChildSupervisor {
 public:
  // After SIGABRT, so long a child has for its report.
  static constexpr absl::Duration kReportTime = absl::Milliseconds(200);

  // Returns ResourceExhausted, with the system's reason, if there are no
  // descriptors or no thread.
  static absl::StatusOr<std::unique_ptr<ChildSupervisor>> Start();

  // Kills the children that are left, and waits for them.
  ~ChildSupervisor() ABSL_LOCKS_EXCLUDED(mu_);

  ChildSupervisor(const ChildSupervisor&) = delete;
  ChildSupervisor& operator=(const ChildSupervisor&) = delete;

  // Starts `spawn`, whose out_fd and err_fd are ours to set and whose fds are
  // followed by that of the life pipe. `notify_fd` is an eventfd, and is the
  // caller's. Both it and `listener` must last until OnEnd. Returns the errors
  // of SpawnChild and MakePipe.
  absl::StatusOr<pid_t> Spawn(ChildSpawn spawn, int notify_fd,
                              ChildListener* listener) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a child with SIGKILL. Nothing happens if it is gone already; its
  // number is nobody else's before OnEnd.
  void Kill(pid_t pid) ABSL_LOCKS_EXCLUDED(mu_);

  // The same, but lets it report first where it is: SIGABRT to the thread
  // `tid`, if that is one of its, and SIGKILL when kReportTime is over.
  void Abort(pid_t pid, pid_t tid) ABSL_LOCKS_EXCLUDED(mu_);

  // What it costs; nullopt if it is gone.
  std::optional<ChildUsage> Usage(pid_t pid) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Child {
    ChildPid process;
    OwnedFd output;
    int notify_fd = -1;
    ChildListener* listener = nullptr;
    int64_t kill_at_ns = INT64_MAX;  // Monotonic.
  };
  struct Request;

  ChildSupervisor(OwnedFd epoll, OwnedFd wake, OwnedFd life_read,
                  OwnedFd life_write);

  // [thread]
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  void ServeRequests() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<pid_t> StartChild(Request& request) ABSL_LOCKS_EXCLUDED(mu_);
  bool Watch(const Child& child);
  void Serve(uint64_t key) ABSL_LOCKS_EXCLUDED(mu_);
  void ReadOutput(const Child& child);
  void Reap(pid_t pid, Child& child) ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<int64_t> KillWhatIsDue() ABSL_LOCKS_EXCLUDED(mu_);

  void Wake();

  const OwnedFd epoll_;
  const OwnedFd wake_;  // An eventfd.
  const OwnedFd life_read_;
  const OwnedFd life_write_;

  mutable Mutex mu_;
  CondVar served_;
  std::deque<Request*> requests_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Added and removed by the thread alone; so it may use what is in it without
  // the lock, all but kill_at_ns.
  std::map<pid_t, Child> children_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_SUPERVISOR_H_
