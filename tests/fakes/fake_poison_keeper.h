#ifndef WEIR_TESTS_FAKES_FAKE_POISON_KEEPER_H_
#define WEIR_TESTS_FAKES_FAKE_POISON_KEEPER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/poison_message.h"
#include "host/plugin/poison_keeper.h"
#include "host/sync/mutex.h"

namespace weir {

// Keeps poison messages in memory, without bounds, each on its own: none is
// counted together with another. Thread-safe.
class FakePoisonKeeper final : public PoisonKeeper {
 public:
  absl::StatusOr<PoisonMessage> Keep(const PoisonMessage& poison) override {
    MutexLock lock(&mu_);
    kept_.push_back(poison);
    kept_.back().number = kept_.size();
    return kept_.back();
  }
  absl::StatusOr<std::vector<PoisonMessage>> List(
      absl::string_view plugin) override {
    MutexLock lock(&mu_);
    std::vector<PoisonMessage> list;
    for (auto poison = kept_.rbegin(); poison != kept_.rend(); ++poison) {
      if (plugin == "plugins/-" || plugin == poison->plugin) {
        list.push_back(*poison);
      }
    }
    return list;
  }
  absl::StatusOr<PoisonMessage> Get(absl::string_view plugin,
                                    uint64_t number) override {
    MutexLock lock(&mu_);
    if (number < 1 || number > kept_.size() ||
        kept_[number - 1].plugin != plugin) {
      return absl::NotFoundError("not kept");
    }
    return kept_[number - 1];
  }
  uint32_t Count(absl::string_view plugin) override {
    return static_cast<uint32_t>(List(plugin)->size());
  }
  absl::Status Forget(absl::string_view) override {
    MutexLock lock(&mu_);
    kept_.clear();
    return absl::OkStatus();
  }

 private:
  Mutex mu_;
  std::vector<PoisonMessage> kept_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_POISON_KEEPER_H_
