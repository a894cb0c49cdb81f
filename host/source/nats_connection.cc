#include "host/source/nats_connection.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

// How long the server may take to say that it knows the subscriptions.
constexpr int64_t kFlushTimeoutMs = 5000;

absl::Status ToError(natsStatus code, absl::string_view text) {
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

// What a source says of options that cannot be used.
absl::Status ToError(const NatsOptionFault& fault) {
  const absl::string_view kind =
      fault.field == "servers"            ? SourceError::kConnect
      : fault.field == "credentials_file" ? SourceError::kAuth
      : fault.field == "nkey_seed_file"   ? SourceError::kAuth
                                          : SourceError::kTls;
  return MakeSourceError(absl::StatusCode::kFailedPrecondition, kind,
                         absl::StrCat(fault.field, ": ", fault.why));
}

absl::Status PublishError(absl::string_view subject, natsStatus code) {
  const std::string text =
      absl::StrCat("subject \"", subject, "\": ", natsStatus_GetText(code));
  return code == NATS_CONNECTION_CLOSED ||
                 code == NATS_CONNECTION_DISCONNECTED || code == NATS_TIMEOUT
             ? absl::UnavailableError(text)
             : absl::InvalidArgumentError(text);
}

}  // namespace

// cnats calls the On... from threads of its own: OnMessage from the one that
// delivers for all sources of the process, the others from its thread for
// callbacks.
class NatsConnection::Inbox {
 public:
  Inbox(size_t pending_limit, size_t max_payload_bytes)
      : pending_limit_(pending_limit), max_payload_bytes_(max_payload_bytes) {}

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message,
                        void* self) {
    static_cast<Inbox*>(self)->Put(message);
  }
  static void OnError(natsConnection* connection, natsSubscription*,
                      natsStatus code, void* self) {
    // What it drops as a slow consumer is counted by the subscription.
    if (code == NATS_SLOW_CONSUMER) return;
    static_cast<Inbox*>(self)->End(code, connection);
  }
  static void OnClosed(natsConnection* connection, void* self) {
    auto* inbox = static_cast<Inbox*>(self);
    inbox->End(NATS_CONNECTION_CLOSED, connection);
    inbox->Leave();
  }

  // The connection is at its end, because of `code` or what it says itself.
  void End(natsStatus code, natsConnection* connection)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const char* text = nullptr;
    natsConnection_GetLastError(connection, &text);
    const std::string reason = absl::StrCat(
        "NATS: ",
        text != nullptr && *text != '\0' ? text : natsStatus_GetText(code));
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
               : ToError(code, reason);
    changed_.NotifyAll();
  }

  // From now on the connection goes on without that subject, or does not.
  void SetMayBeRefused(const std::string& subject, bool may_be_refused)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (may_be_refused) {
      may_be_refused_.emplace(subject, false);
    } else {
      may_be_refused_.erase(subject);
    }
  }
  // It was unsubscribed. That it is refused may still be told a second time.
  void Forget(absl::string_view subject) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    const auto found = may_be_refused_.find(subject);
    if (found == may_be_refused_.end() || found->second) return;
    may_be_refused_.erase(found);
  }
  // The server has said `last_error`, which may be about another.
  void NoteLastError(const std::string& subject, absl::string_view last_error)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (IsAbout(last_error, subject)) NoteRefusal(last_error);
  }
  std::vector<std::string> TakeRefused() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    const std::set<std::string> refused = std::exchange(refused_, {});
    return {refused.begin(), refused.end()};
  }

  // A connection or subscription that calls Leave as the last it does.
  void Enter() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ++callers_;
  }
  void Leave() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    --callers_;
    changed_.NotifyAll();
  }
  // Waits until none of them is left, forgets what they brought, and returns
  // how many messages that were.
  uint64_t WaitForCallers() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (callers_ > 0) changed_.Wait(&mu_);
    Destroy(&arrived_);
    Destroy(&taken_);
    next_ = 0;
    end_ = absl::OkStatus();
    may_be_refused_.clear();
    refused_.clear();
    return std::exchange(put_, 0);
  }

  // Waits until the connection alone is left of them, or at its end.
  void WaitForSubscriptions(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto limit =
        std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(timeout);
    MutexLock lock(&mu_);
    while (callers_ > 1 && end_.ok()) {
      const auto left = limit - std::chrono::steady_clock::now();
      if (left.count() <= 0) return;
      changed_.WaitFor(&mu_, absl::FromChrono(left));
    }
  }

  // As NatsConnection::Take.
  absl::Status Take(size_t max_count, size_t max_bytes,
                    std::vector<natsMsg*>* messages, absl::Duration at_most)
      ABSL_LOCKS_EXCLUDED(mu_) {
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

  std::vector<std::string> WaitingReplies() ABSL_LOCKS_EXCLUDED(mu_) {
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

  void SetInterrupted(bool interrupted) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    interrupted_ = interrupted;
    changed_.NotifyAll();
  }
  void Poke() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    poked_ = true;
    changed_.NotifyAll();
  }
  bool interrupted() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return interrupted_;
  }
  absl::Status end() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return end_;
  }

  // Of all connections.
  uint64_t dropped() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return dropped_;
  }
  uint64_t too_long() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return too_long_;
  }
  uint64_t forbidden() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return forbidden_;
  }

 private:
  static bool IsAbout(absl::string_view text, const std::string& subject) {
    return absl::StrContains(text, absl::StrCat("\"", subject, "\""));
  }

  // Whether `text`, of the server, is about a subject that may be refused.
  bool NoteRefusal(absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
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

  void Put(natsMsg* message) ABSL_LOCKS_EXCLUDED(mu_) {
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

  static void Destroy(std::vector<natsMsg*>* messages) {
    for (natsMsg* message : *messages) natsMsg_Destroy(message);
    messages->clear();
  }

  const size_t pending_limit_;
  const size_t max_payload_bytes_;
  Mutex mu_;
  CondVar changed_;
  std::vector<natsMsg*> arrived_ ABSL_GUARDED_BY(mu_);
  // Up to `next_` they are the reader's, until it comes again.
  std::vector<natsMsg*> taken_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  // And whether it was.
  std::map<std::string, bool, std::less<>> may_be_refused_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> refused_ ABSL_GUARDED_BY(mu_);
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool poked_ ABSL_GUARDED_BY(mu_) = false;
  size_t callers_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t put_ ABSL_GUARDED_BY(mu_) = 0;  // Of this connection.
  uint64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t too_long_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t forbidden_ ABSL_GUARDED_BY(mu_) = 0;
};

struct NatsConnection::Handles {
  // cnats calls OnComplete of it, as the last it does for a subscription.
  struct Subscribed {
    static void OnComplete(void* self) {
      auto* subscribed = static_cast<Subscribed*>(self);
      Inbox* const inbox = subscribed->inbox;
      subscribed->complete.store(true);  // It may be gone now.
      inbox->Leave();
    }

    Inbox* inbox = nullptr;
    std::string subject;
    natsSubscription* handle = nullptr;
    // What cnats said last: of one that is closed it says nothing any more.
    int64_t dropped = 0;
    bool ended = false;  // By Unsubscribe.
    std::atomic<bool> complete{false};
  };

  natsConnection* Connection() ABSL_LOCKS_EXCLUDED(mu) {
    MutexLock lock(&mu);
    return connection;
  }

  // What cnats itself has dropped, of all connections.
  uint64_t Dropped() ABSL_LOCKS_EXCLUDED(mu) {
    MutexLock lock(&mu);
    return dropped_before + DroppedNow();
  }
  uint64_t DroppedNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    uint64_t dropped = 0;
    for (const auto& one : subscriptions) {
      natsSubscription_GetDropped(one->handle, &one->dropped);
      dropped += static_cast<uint64_t>(one->dropped);
    }
    return dropped;
  }
  // How many messages the connection has read; it may be closed.
  uint64_t Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    natsStatistics* statistics = nullptr;
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t reconnects = 0;
    if (natsStatistics_Create(&statistics) != NATS_OK) return 0;
    if (natsConnection_GetStats(connection, statistics) == NATS_OK) {
      uint64_t out = 0;
      uint64_t out_bytes = 0;
      natsStatistics_GetCounts(statistics, &count, &bytes, &out, &out_bytes,
                               &reconnects);
    }
    natsStatistics_Destroy(statistics);
    return count;
  }

  // Forgets what was unsubscribed and is not called any more: a connection may
  // live long, and have many subscriptions one after the other.
  void Reap() ABSL_LOCKS_EXCLUDED(mu) {
    MutexLock lock(&mu);
    std::vector<std::unique_ptr<Subscribed>> left;
    for (std::unique_ptr<Subscribed>& one : subscriptions) {
      if (!one->ended || !one->complete.load()) {
        left.push_back(std::move(one));
        continue;
      }
      dropped_before += static_cast<uint64_t>(one->dropped);
      natsSubscription_Destroy(one->handle);
    }
    subscriptions = std::move(left);
  }

  // Destroyed with the lock held; closed without.
  Mutex mu;
  natsConnection* connection ABSL_GUARDED_BY(mu) = nullptr;
  std::vector<std::unique_ptr<Subscribed>> subscriptions ABSL_GUARDED_BY(mu);
  // Whether one of them was ended, and what still came for it is nobody's.
  bool unsubscribed ABSL_GUARDED_BY(mu) = false;
  uint64_t dropped_before ABSL_GUARDED_BY(mu) = 0;
};

NatsConnection::NatsConnection(NatsServerOptions options)
    : options_(std::move(options)),
      endpoint_(NatsEndpoint(options_.servers)),
      inbox_(std::make_unique<Inbox>(options_.pending_limit,
                                     options_.max_payload_bytes)),
      handles_(std::make_unique<Handles>()) {}

NatsConnection::~NatsConnection() { Disconnect(); }

absl::Status NatsConnection::Connect(
    const std::vector<Subscription>& subscriptions) {
  Disconnect();
  if (inbox_->interrupted()) return absl::CancelledError("interrupted");
  natsOptions* created = nullptr;
  if (natsOptions_Create(&created) != NATS_OK) {
    return ToError(NATS_NO_MEMORY, "NATS: no memory");
  }
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> options(
      created, &natsOptions_Destroy);
  if (const NatsOptionFault fault = ConfigureNats(options_, created);
      fault.code != NATS_OK) {
    return ToError(fault);
  }
  natsOptions_SetErrorHandler(created, &Inbox::OnError, inbox_.get());
  natsOptions_SetClosedCB(created, &Inbox::OnClosed, inbox_.get());
  natsConnection* connection = nullptr;
  const natsStatus code = natsConnection_Connect(&connection, created);
  if (code != NATS_OK) {
    return ToError(code,
                   absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
  }
  inbox_->Enter();
  {
    MutexLock lock(&handles_->mu);
    handles_->connection = connection;
  }
  absl::Status status = Subscribe(subscriptions);
  if (status.ok() && inbox_->interrupted()) {
    status = absl::CancelledError("interrupted");
  }
  // Why the server closed it tells more than that it is closed.
  if (absl::Status end = inbox_->end(); !end.ok()) status = std::move(end);
  if (!status.ok()) Disconnect();
  return status;
}

absl::Status NatsConnection::Subscribe(
    const std::vector<Subscription>& subscriptions) {
  handles_->Reap();
  for (const Subscription& wanted : subscriptions) {
    if (absl::Status status = SubscribeTo(wanted); !status.ok()) return status;
    if (!wanted.may_be_refused) continue;
    // cnats keeps the server's last word alone.
    if (absl::Status status = Flush(); !status.ok()) return status;
    const char* text = nullptr;
    natsConnection_GetLastError(handles_->Connection(), &text);
    if (text != nullptr) inbox_->NoteLastError(wanted.subject, text);
  }
  // The server has read them when it answers, and said what it refuses.
  return Flush();
}

absl::Status NatsConnection::SubscribeTo(const Subscription& wanted) {
  natsConnection* const connection = handles_->Connection();
  if (connection == nullptr) {
    return ToError(NATS_CONNECTION_CLOSED, "NATS: not connected");
  }
  inbox_->SetMayBeRefused(wanted.subject, wanted.may_be_refused);
  auto subscribed = std::make_unique<Handles::Subscribed>();
  subscribed->inbox = inbox_.get();
  subscribed->subject = wanted.subject;
  const natsStatus code =
      wanted.queue_group.empty()
          ? natsConnection_Subscribe(&subscribed->handle, connection,
                                     wanted.subject.c_str(), &Inbox::OnMessage,
                                     inbox_.get())
          : natsConnection_QueueSubscribe(
                &subscribed->handle, connection, wanted.subject.c_str(),
                wanted.queue_group.c_str(), &Inbox::OnMessage, inbox_.get());
  if (code != NATS_OK) {
    return ToError(code, absl::StrCat("subject \"", wanted.subject,
                                      "\": ", natsStatus_GetText(code)));
  }
  inbox_->Enter();
  // Refused if the connection is closed already, and then never called.
  if (natsSubscription_SetOnCompleteCB(subscribed->handle,
                                       &Handles::Subscribed::OnComplete,
                                       subscribed.get()) != NATS_OK) {
    inbox_->Leave();
  }
  MutexLock lock(&handles_->mu);
  handles_->subscriptions.push_back(std::move(subscribed));
  return absl::OkStatus();
}

absl::Status NatsConnection::Flush() {
  const natsStatus code =
      natsConnection_FlushTimeout(handles_->Connection(), kFlushTimeoutMs);
  if (code == NATS_OK) return absl::OkStatus();
  return ToError(code, absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
}

absl::Status NatsConnection::Take(size_t max_count, size_t max_bytes,
                                  std::vector<natsMsg*>* messages,
                                  absl::Duration at_most) {
  return inbox_->Take(max_count, max_bytes, messages, at_most);
}

std::vector<std::string> NatsConnection::WaitingReplies() const {
  return inbox_->WaitingReplies();
}

void NatsConnection::Unsubscribe(absl::string_view subject) {
  inbox_->Forget(subject);
  MutexLock lock(&handles_->mu);
  handles_->DroppedNow();
  for (const auto& one : handles_->subscriptions) {
    if (one->ended || one->subject != subject) continue;
    one->ended = true;
    natsSubscription_Unsubscribe(one->handle);
    handles_->unsubscribed = true;
  }
}

std::vector<std::string> NatsConnection::TakeRefused() {
  return inbox_->TakeRefused();
}

void NatsConnection::Drain(absl::Duration timeout) {
  std::vector<natsSubscription*> handles;
  {
    MutexLock lock(&handles_->mu);
    handles_->DroppedNow();
    for (const auto& one : handles_->subscriptions) {
      if (!std::exchange(one->ended, true)) handles.push_back(one->handle);
    }
    handles_->unsubscribed = true;
  }
  // cnats would wait for a server that hangs, and longer.
  const bool answers = AwaitWritten(timeout);
  for (natsSubscription* handle : handles) {
    if (answers) {
      natsSubscription_Drain(handle);
    } else {
      natsSubscription_Unsubscribe(handle);
    }
  }
  if (answers) inbox_->WaitForSubscriptions(timeout);
}

void NatsConnection::Disconnect() {
  natsConnection* const connection = handles_->Connection();
  if (connection == nullptr) return;
  // While cnats still tells it.
  handles_->Dropped();
  natsConnection_Close(connection);
  const uint64_t put = inbox_->WaitForCallers();
  MutexLock lock(&handles_->mu);
  // What was read and not delivered to us includes what waited in cnats when
  // the server closed the connection, which it throws away without a word.
  const uint64_t read = handles_->Read();
  uint64_t dropped = handles_->DroppedNow();
  if (!handles_->unsubscribed && read > put) {
    dropped = std::max(dropped, read - put);
  }
  handles_->dropped_before += dropped;
  handles_->unsubscribed = false;
  for (const auto& one : handles_->subscriptions) {
    natsSubscription_Destroy(one->handle);
  }
  handles_->subscriptions.clear();
  natsConnection_Destroy(std::exchange(handles_->connection, nullptr));
}

absl::Status NatsConnection::Publish(absl::string_view subject,
                                     const std::vector<Header>& headers,
                                     absl::string_view data) {
  natsMsg* created = nullptr;
  natsStatus code =
      natsMsg_Create(&created, std::string(subject).c_str(), nullptr,
                     data.data(), static_cast<int>(data.size()));
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> message(
      created, &natsMsg_Destroy);
  for (const auto& [name, value] : headers) {
    if (code != NATS_OK) break;
    code = natsMsgHeader_Set(created, name.c_str(), value.c_str());
  }
  if (code != NATS_OK) return PublishError(subject, code);
  return PublishBy(subject, [&](natsConnection* connection) {
    return natsConnection_PublishMsg(connection, created);
  });
}

absl::Status NatsConnection::PublishTo(const std::string& subject,
                                       const std::string& reply,
                                       absl::string_view data) {
  const auto size = static_cast<int>(data.size());
  return PublishBy(subject, [&](natsConnection* connection) {
    return reply.empty() ? natsConnection_Publish(connection, subject.c_str(),
                                                  data.data(), size)
                         : natsConnection_PublishRequest(
                               connection, subject.c_str(), reply.c_str(),
                               data.data(), size);
  });
}

template <typename F>
absl::Status NatsConnection::PublishBy(absl::string_view subject,
                                       const F& publish) {
  MutexLock lock(&handles_->mu);
  const natsStatus code = handles_->connection == nullptr || !inbox_->end().ok()
                              ? NATS_CONNECTION_CLOSED
                              : publish(handles_->connection);
  // Part of it may be written: nothing can follow.
  if (code == NATS_TIMEOUT) inbox_->End(code, handles_->connection);
  return code == NATS_OK ? absl::OkStatus() : PublishError(subject, code);
}

bool NatsConnection::AwaitWritten(absl::Duration timeout) {
  natsConnection* const connection = handles_->Connection();
  return connection != nullptr && inbox_->end().ok() &&
         natsConnection_FlushTimeout(
             connection, std::max<int64_t>(absl::ToInt64Milliseconds(timeout),
                                           1)) == NATS_OK;
}

void NatsConnection::Interrupt() { inbox_->SetInterrupted(true); }
void NatsConnection::Rearm() { inbox_->SetInterrupted(false); }
void NatsConnection::Poke() { inbox_->Poke(); }

uint64_t NatsConnection::dropped() const {
  return inbox_->dropped() + handles_->Dropped();
}
uint64_t NatsConnection::too_long() const { return inbox_->too_long(); }
uint64_t NatsConnection::forbidden() const { return inbox_->forbidden(); }

absl::string_view NatsHeader(natsMsg* message, const char* name) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, name, &value) != NATS_OK) return "";
  return value == nullptr ? "" : value;
}

}  // namespace weir
