#include "host/source/post_message.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

class Verdict {
 public:
  explicit Verdict(std::function<void(const absl::Status&)> kept)
      : kept_(std::move(kept)) {}

  void Tell(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (!posted_ && !status.ok()) {
        refused_ = status;
        return;
      }
    }
    kept_(status);
  }

  // Post has returned.
  absl::Status Posted() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    posted_ = true;
    return refused_;
  }

 private:
  const std::function<void(const absl::Status&)> kept_;
  Mutex mu_;
  bool posted_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status refused_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status PostMessage(StewardOutbox& outbox, steward::Message message,
                         std::function<void(const absl::Status&)> kept) {
  const auto verdict = std::make_shared<Verdict>(std::move(kept));
  std::vector<steward::Message> messages;
  messages.push_back(std::move(message));
  outbox.Post(std::move(messages),
              [verdict](const absl::Status& status) { verdict->Tell(status); });
  return verdict->Posted();
}

}  // namespace weir
