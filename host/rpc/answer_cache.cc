#include "host/rpc/answer_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {

void AnswerCache::ForgetOldLocked() {
  const absl::Time oldest = clock_.Now() - kKeepFor;
  while (!oldest_first_.empty() && (oldest_first_.front().kept_at < oldest ||
                                    oldest_first_.size() > kMaxAnswers)) {
    answers_.erase(oldest_first_.front().text);
    oldest_first_.pop_front();
  }
}

std::optional<std::string> AnswerCache::Find(absl::string_view method,
                                             absl::string_view request_id) {
  if (request_id.empty()) return std::nullopt;
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const auto found = answers_.find(absl::StrCat(method, " ", request_id));
  if (found == answers_.end()) return std::nullopt;
  return found->second;
}

void AnswerCache::Keep(absl::string_view method, absl::string_view request_id,
                       std::string answer) {
  if (request_id.empty()) return;
  MutexLock lock(&mu_);
  std::string key = absl::StrCat(method, " ", request_id);
  if (!answers_.emplace(key, std::move(answer)).second) return;
  oldest_first_.push_back({std::move(key), clock_.Now()});
  ForgetOldLocked();
}

}  // namespace weir
