#ifndef WEIR_HOST_PLUGIN_MODULE_CHECKS_H_
#define WEIR_HOST_PLUGIN_MODULE_CHECKS_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "host/control/plugin_checks.h"
#include "host/plugin/child_process.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_slot.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Checks modules of the plugin folders, one after the other: what the host asks
// of the file, on a copy of its own, and then all that the validator has, in
// processes that weir-plugin-runner starts. Nothing of a module runs in this
// process, and no slot changes.
//
// Thread-safe. The replies come from a thread of its own.
class ModuleChecks final : public PluginChecks {
 public:
  // What is known of a module of the folders; NotFound if it is in none.
  using FindSpec =
      std::function<absl::StatusOr<PluginSlotSpec>(const std::string& module)>;

  // As many may wait; more are PLUGIN_BUSY.
  static constexpr size_t kMaxWaiting = 16;

  // `runner` is the path of weir-plugin-runner; `owners` may own modules.
  // `store` and `clock` must outlive it.
  ModuleChecks(std::string runner, std::vector<uid_t> owners,
               ModuleStore& store, const Clock& clock, FindSpec find_spec);
  ~ModuleChecks() override;  // Stops.

  ModuleChecks(const ModuleChecks&) = delete;
  ModuleChecks& operator=(const ModuleChecks&) = delete;

  void Check(PluginCheckRequest request, Reply reply) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends what is under way, and answers all with SERVER_DRAINING. Safe to call
  // twice.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Job {
    PluginCheckRequest request;
    Reply reply;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<PluginCheckReport> Do(const PluginCheckRequest& request) const;

  const std::string runner_;
  const std::vector<uid_t> owners_;
  ModuleStore& store_;
  const Clock& clock_;
  const FindSpec find_spec_;
  const OwnedFd stop_fd_;  // Readable once it is to stop.

  Mutex mu_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_CHECKS_H_
