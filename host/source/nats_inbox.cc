#include "host/source/nats_inbox.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"

namespace weir {
namespace {

bool IsAbout(absl::string_view text, const std::string& subject) {
  return absl::StrContains(text, absl::StrCat("\"", subject, "\""));
}

void Destroy(std::vector<natsMsg*>* messages) {
  for (natsMsg* message : *messages) natsMsg_Destroy(message);
  messages->clear();
}

}  // namespace

absl::Status NatsSourceError(natsStatus code, absl::string_view text) {
  using Code = absl::StatusCode;
  switch (code) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return MakeSourceError(
          Code::kPermissionDenied, SourceError::kAuth,
          absl::StrCat(text,
                       "; check the user, the credentials_file or "
                       "nkey_seed_file, and what the server permits"));
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_WANTED:
    case NATS_SECURE_CONNECTION_REQUIRED:
      return MakeSourceError(Code::kUnavailable, SourceError::kTls, text);
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_QUEUE_NAME:
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING:
      return MakeSourceError(
          Code::kInvalidArgument, SourceError::kProtocol,
          absl::StrCat(text, "; check servers, subjects and queue_group"));
    default:
      return MakeSourceError(Code::kUnavailable, SourceError::kConnect, text);
  }
}

void NatsInbox::OnMessage(natsConnection*, natsSubscription*, natsMsg* message,
                          void* self) {
  static_cast<NatsInbox*>(self)->Put(message);
}

void NatsInbox::OnError(natsConnection* connection, natsSubscription*,
                        natsStatus code, void* self) {
  // What it drops as a slow consumer is counted by the subscription.
  if (code == NATS_SLOW_CONSUMER) return;
  static_cast<NatsInbox*>(self)->End(code, connection);
}

void NatsInbox::OnClosed(natsConnection* connection, void* self) {
  auto* inbox = static_cast<NatsInbox*>(self);
  inbox->End(NATS_CONNECTION_CLOSED, connection);
  inbox->callers_.Leave();
}

void NatsInbox::End(natsStatus code, natsConnection* connection) {
  const std::string reason =
      absl::StrCat("NATS: ", NatsErrorText(connection, code));
  MutexLock lock(&mu_);
  // Where an answer goes is the sender's word: that is no reason to end.
  if (code == NATS_NOT_PERMITTED &&
      absl::StrContains(absl::AsciiStrToLower(reason), "publish to")) {
    ++forbidden_;
    return;
  }
  if (code == NATS_NOT_PERMITTED && NoteRefusal(reason)) return;
  // The first reason is the cause of the others.
  if (!end_.ok()) return;
  end_ = code == NATS_CONNECTION_CLOSED
             ? MakeSourceError(absl::StatusCode::kUnavailable,
                               SourceError::kEndOfStream, reason)
             : NatsSourceError(code, reason);
  changed_.NotifyAll();
}

absl::Status NatsInbox::end() {
  MutexLock lock(&mu_);
  return end_;
}

uint64_t NatsInbox::Reset() {
  MutexLock lock(&mu_);
  Destroy(&arrived_);
  Destroy(&taken_);
  next_ = 0;
  end_ = absl::OkStatus();
  may_be_refused_.clear();
  refused_.clear();
  return std::exchange(put_, 0);
}

void NatsInbox::SetMayBeRefused(const std::string& subject,
                                bool may_be_refused) {
  MutexLock lock(&mu_);
  if (may_be_refused) {
    may_be_refused_.emplace(subject, false);
  } else {
    may_be_refused_.erase(subject);
  }
}

void NatsInbox::Forget(absl::string_view subject) {
  MutexLock lock(&mu_);
  const auto found = may_be_refused_.find(subject);
  if (found == may_be_refused_.end() || found->second) return;
  may_be_refused_.erase(found);
}

void NatsInbox::NoteLastError(const std::string& subject,
                              absl::string_view last_error) {
  MutexLock lock(&mu_);
  if (IsAbout(last_error, subject)) NoteRefusal(last_error);
}

bool NatsInbox::NoteRefusal(absl::string_view text) {
  if (!absl::StrContains(absl::AsciiStrToLower(text), "subscription to")) {
    return false;
  }
  for (auto& [subject, refused] : may_be_refused_) {
    if (!IsAbout(text, subject)) continue;
    refused = true;
    refused_.insert(subject);
    poked_ = true;
    changed_.NotifyAll();
    return true;
  }
  return false;
}

std::vector<std::string> NatsInbox::TakeRefused() {
  MutexLock lock(&mu_);
  const std::set<std::string> refused = std::exchange(refused_, {});
  return {refused.begin(), refused.end()};
}

absl::Status NatsInbox::Take(size_t max_count, size_t max_bytes,
                             std::vector<natsMsg*>* messages,
                             absl::Duration at_most) {
  std::vector<natsMsg*> done;
  {
    MutexLock lock(&mu_);
    if (next_ == taken_.size()) {
      done.swap(taken_);
      next_ = 0;
    }
  }
  // Without the lock, for which those that come would wait.
  Destroy(&done);
  MutexLock lock(&mu_);
  if (taken_.empty()) {
    while (arrived_.empty() && end_.ok() && !interrupted_ && !poked_) {
      if (at_most == absl::InfiniteDuration()) {
        changed_.Wait(&mu_);
      } else if (!changed_.WaitFor(&mu_, at_most)) {
        poked_ = true;
      }
    }
    // What came before the end is read before it.
    if (arrived_.empty() && !interrupted_ && !poked_) return end_;
    taken_.swap(arrived_);
  }
  if (interrupted_) return absl::CancelledError("interrupted");
  if (std::exchange(poked_, false)) return absl::OkStatus();
  for (size_t bytes = 0, count = 0;
       next_ < taken_.size() && bytes < max_bytes && count < max_count;
       ++next_, ++count) {
    natsMsg* message = taken_[next_];
    messages->push_back(message);
    bytes += static_cast<size_t>(natsMsg_GetDataLength(message));
  }
  return absl::OkStatus();
}

std::vector<std::string> NatsInbox::WaitingReplies() {
  std::vector<std::string> replies;
  const auto add = [&](natsMsg* message) {
    const char* const reply = natsMsg_GetReply(message);
    if (reply != nullptr && *reply != '\0') replies.emplace_back(reply);
  };
  MutexLock lock(&mu_);
  std::for_each(taken_.begin() + static_cast<ptrdiff_t>(next_), taken_.end(),
                add);
  std::for_each(arrived_.begin(), arrived_.end(), add);
  return replies;
}

void NatsInbox::SetInterrupted(bool interrupted) {
  MutexLock lock(&mu_);
  interrupted_ = interrupted;
  changed_.NotifyAll();
}

bool NatsInbox::interrupted() {
  MutexLock lock(&mu_);
  return interrupted_;
}

void NatsInbox::Poke() {
  MutexLock lock(&mu_);
  poked_ = true;
  changed_.NotifyAll();
}

uint64_t NatsInbox::dropped() {
  MutexLock lock(&mu_);
  return dropped_;
}

uint64_t NatsInbox::too_long() {
  MutexLock lock(&mu_);
  return too_long_;
}

uint64_t NatsInbox::forbidden() {
  MutexLock lock(&mu_);
  return forbidden_;
}

void NatsInbox::Put(natsMsg* message) {
  const auto size = static_cast<size_t>(natsMsg_GetDataLength(message));
  {
    MutexLock lock(&mu_);
    ++put_;
    const size_t waiting = arrived_.size() + taken_.size() - next_;
    if (size > max_payload_bytes_) {
      ++too_long_;
    } else if (waiting >= pending_limit_) {
      ++dropped_;
    } else {
      arrived_.push_back(message);
      if (arrived_.size() == 1) changed_.NotifyAll();
      return;
    }
  }
  natsMsg_Destroy(message);
}

}  // namespace weir
