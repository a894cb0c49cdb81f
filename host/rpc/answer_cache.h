#ifndef WEIR_HOST_RPC_ANSWER_CACHE_H_
#define WEIR_HOST_RPC_ANSWER_CACHE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Remembers what was answered to a request_id, so that a client which did not
// get the answer may ask again and nothing is done twice. Only the answer to
// what was done is remembered: what failed may be tried again. Thread-safe.
//
// What is done at once: Find, do it, Keep. What takes its time, so that a
// repeat can come before there is an answer: Begin, do it, Settle.
class AnswerCache {
 public:
  // Called once with the serialized answer, or with an error.
  using Waiter = std::function<void(const absl::StatusOr<std::string>&)>;

  // How long a repeat gets the first answer.
  static constexpr absl::Duration kKeepFor = absl::Minutes(10);
  // More answers than this in that time, or longer ones, push the oldest out.
  static constexpr size_t kMaxAnswers = 4096;
  static constexpr size_t kMaxBytes = 16 << 20;

  // `clock` must outlive the cache.
  explicit AnswerCache(const Clock& clock) : clock_(clock) {}

  // Returns the serialized answer to `request_id` of `method`, if there is one
  // and it is no error. None for an empty request_id.
  std::optional<std::string> Find(absl::string_view method,
                                  absl::string_view request_id)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps `answer`; nothing for an empty request_id.
  void Keep(absl::string_view method, absl::string_view request_id,
            absl::StatusOr<std::string> answer) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns whether the caller is to act, and then to Settle. If not, somebody
  // has acted or does: `waiter` gets the answer, before this returns or from
  // the thread that settles it. For an empty request_id everybody acts.
  bool Begin(absl::string_view method, absl::string_view request_id,
             Waiter waiter) ABSL_LOCKS_EXCLUDED(mu_);

  // Gives `answer` to all who wait for it, and keeps it unless it is an error.
  void Settle(absl::string_view method, absl::string_view request_id,
              const absl::StatusOr<std::string>& answer)
      ABSL_LOCKS_EXCLUDED(mu_) {
    Settle(method, request_id, answer, answer.ok());
  }
  // Keeps it if `done`: an error, too, that tells of something that was done.
  void Settle(absl::string_view method, absl::string_view request_id,
              const absl::StatusOr<std::string>& answer, bool done)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Key {
    std::string text;
    absl::Time kept_at;
  };

  static size_t SizeOf(const std::string& key,
                       const absl::StatusOr<std::string>& answer);
  void ForgetOldLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  Mutex mu_;
  std::map<std::string, absl::StatusOr<std::string>> answers_
      ABSL_GUARDED_BY(mu_);
  std::deque<Key> oldest_first_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of all keys and answers.
  // Who waits for what is being done; each is the repeat of a call that is
  // open, so gRPC's own limits bound them.
  std::map<std::string, std::vector<Waiter>> pending_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_ANSWER_CACHE_H_
