#include "host/plugin/sent_replies.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "host/pipeline/message_batch.h"
#include "host/plugin/instance_services.h"
#include "host/plugin/weir_status.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

// What may stand behind the name of a file without naming another folder.
bool IsSuffix(absl::string_view text) {
  return text.size() <= InstanceServices::kMaxReplySuffixBytes &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return c == '/' || c == '\x7f' ||
                  static_cast<unsigned char>(c) < ' ';
         });
}

}  // namespace

struct SentReplies::Fates {
  enum class Fate { kUnknown, kKept, kNotKept };
  struct Sent {
    const Message* request;
    Fate fate;
  };

  void Tell(size_t at, Fate fate) ABSL_LOCKS_EXCLUDED(mu) {
    MutexLock lock(&mu);
    sent[at].fate = fate;
    --unknown;
    changed.NotifyAll();
  }

  Mutex mu;
  CondVar changed;
  std::vector<Sent> sent ABSL_GUARDED_BY(mu);
  size_t unknown ABSL_GUARDED_BY(mu) = 0;
};

weir_status SentReplies::Send(const Message& request, absl::string_view data,
                              absl::string_view file_suffix) {
  if (data.size() > InstanceServices::kMaxReplyBytes ||
      !IsSuffix(file_suffix)) {
    return WEIR_INVALID;
  }
  if (sink_ == nullptr) return WEIR_UNSUPPORTED;
  if (fates_ == nullptr) fates_ = std::make_shared<Fates>();
  size_t at = 0;
  {
    MutexLock lock(&fates_->mu);
    at = fates_->sent.size();
    fates_->sent.push_back({&request, Fates::Fate::kUnknown});
    ++fates_->unknown;
  }
  const absl::Status taken = sink_->Reply(
      request, std::string(data), file_suffix,
      [fates = fates_, at](const absl::Status& kept) {
        fates->Tell(at, kept.ok() ? Fates::Fate::kKept : Fates::Fate::kNotKept);
      });
  // The plugin knows, and says itself what becomes of its message.
  if (!taken.ok()) fates_->Tell(at, Fates::Fate::kKept);
  return ToWeirStatus(taken);
}

void SentReplies::AwaitKept(absl::Duration patience) {
  const std::shared_ptr<Fates> fates = std::exchange(fates_, nullptr);
  if (fates == nullptr) return;
  const absl::Time end = absl::Now() + patience;
  MutexLock lock(&fates->mu);
  while (fates->unknown > 0) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    fates->changed.WaitFor(&fates->mu, left);
  }
  for (const Fates::Sent& sent : fates->sent) {
    if (sent.fate != Fates::Fate::kKept) MarkFailed(*sent.request);
  }
}

}  // namespace weir
