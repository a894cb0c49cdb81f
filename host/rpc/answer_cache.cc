#include "host/rpc/answer_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

std::string KeyOf(absl::string_view method, absl::string_view request_id) {
  return absl::StrCat(method, " ", request_id);
}

}  // namespace

void AnswerCache::ForgetOldLocked() {
  const absl::Time begin = clock_.Now() - kKeepFor;
  while (!oldest_first_.empty() &&
         (oldest_first_.front().kept_at < begin ||
          oldest_first_.size() > kMaxAnswers || bytes_ > kMaxBytes)) {
    const auto oldest = answers_.find(oldest_first_.front().text);
    bytes_ -= SizeOf(oldest->first, oldest->second);
    answers_.erase(oldest);
    oldest_first_.pop_front();
  }
}

std::optional<std::string> AnswerCache::Find(absl::string_view method,
                                             absl::string_view request_id) {
  if (request_id.empty()) return std::nullopt;
  MutexLock lock(&mu_);
  ForgetOldLocked();
  const auto found = answers_.find(KeyOf(method, request_id));
  if (found == answers_.end() || !found->second.ok()) return std::nullopt;
  return *found->second;
}

size_t AnswerCache::SizeOf(const std::string& key,
                           const absl::StatusOr<std::string>& answer) {
  return key.size() +
         (answer.ok() ? answer->size() : answer.status().message().size());
}

void AnswerCache::Keep(absl::string_view method, absl::string_view request_id,
                       absl::StatusOr<std::string> answer) {
  if (request_id.empty()) return;
  MutexLock lock(&mu_);
  std::string key = KeyOf(method, request_id);
  const size_t bytes = SizeOf(key, answer);
  if (!answers_.emplace(key, std::move(answer)).second) return;
  bytes_ += bytes;
  oldest_first_.push_back({std::move(key), clock_.Now()});
  ForgetOldLocked();
}

bool AnswerCache::Begin(absl::string_view method, absl::string_view request_id,
                        Waiter waiter) {
  if (request_id.empty()) return true;
  absl::StatusOr<std::string> answer;
  {
    MutexLock lock(&mu_);
    ForgetOldLocked();
    const std::string key = KeyOf(method, request_id);
    const auto kept = answers_.find(key);
    if (kept == answers_.end()) {
      const auto [pending, first] = pending_.try_emplace(key);
      if (!first) pending->second.push_back(std::move(waiter));
      return first;
    }
    answer = kept->second;
  }
  waiter(answer);
  return false;
}

void AnswerCache::Settle(absl::string_view method, absl::string_view request_id,
                         const absl::StatusOr<std::string>& answer, bool done) {
  if (request_id.empty()) return;
  // First, so that no repeat comes between and acts, too.
  if (done) Keep(method, request_id, answer);
  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mu_);
    const auto pending = pending_.find(KeyOf(method, request_id));
    if (pending == pending_.end()) return;
    waiters = std::move(pending->second);
    pending_.erase(pending);
  }
  for (const Waiter& waiter : waiters) waiter(answer);
}

}  // namespace weir
