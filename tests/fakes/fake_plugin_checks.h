#ifndef WEIR_TESTS_FAKES_FAKE_PLUGIN_CHECKS_H_
#define WEIR_TESTS_FAKES_FAKE_PLUGIN_CHECKS_H_

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "host/control/plugin_checks.h"
#include "host/sync/mutex.h"

namespace weir {

// Remembers what it is to check, and finds what the test has set. Thread-safe.
class FakePluginChecks final : public PluginChecks {
 public:
  void Check(PluginCheckRequest request, Reply reply) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::StatusOr<PluginCheckReport> answer;
    {
      MutexLock lock(&mu_);
      requests_.push_back(std::move(request));
      answer = answer_;
    }
    reply(std::move(answer));
  }

  void set_answer(absl::StatusOr<PluginCheckReport> answer)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    answer_ = std::move(answer);
  }

  std::vector<PluginCheckRequest> requests() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return requests_;
  }

 private:
  mutable Mutex mu_;
  std::vector<PluginCheckRequest> requests_ ABSL_GUARDED_BY(mu_);
  absl::StatusOr<PluginCheckReport> answer_ ABSL_GUARDED_BY(mu_) =
      PluginCheckReport();
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_PLUGIN_CHECKS_H_
