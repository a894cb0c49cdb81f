#include "host/source/nats_connection.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

// How long the server may take to say that it knows the subscriptions.
constexpr int64_t kFlushTimeoutMs = 5000;

// What a source says of options that cannot be used.
absl::Status OptionError(const NatsOptionFault& fault) {
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

struct NatsConnection::Handles {
  // cnats calls OnComplete of it, as the last it does for a subscription.
  struct Subscribed {
    static void OnComplete(void* self) {
      auto* subscribed = static_cast<Subscribed*>(self);
      NatsInbox* const inbox = subscribed->inbox;
      subscribed->complete.store(true);  // It may be gone now.
      inbox->callers().Leave();
    }

    NatsInbox* inbox = nullptr;
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
      inbox_(std::make_unique<NatsInbox>(options_.pending_limit,
                                         options_.max_payload_bytes)),
      handles_(std::make_unique<Handles>()) {}

NatsConnection::~NatsConnection() { Disconnect(); }

absl::Status NatsConnection::Connect(
    const std::vector<Subscription>& subscriptions) {
  Disconnect();
  if (inbox_->interrupted()) return absl::CancelledError("interrupted");
  natsOptions* created = nullptr;
  if (natsOptions_Create(&created) != NATS_OK) {
    return NatsSourceError(NATS_NO_MEMORY, "NATS: no memory");
  }
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> options(
      created, &natsOptions_Destroy);
  if (const NatsOptionFault fault = ConfigureNats(options_, created);
      fault.code != NATS_OK) {
    return OptionError(fault);
  }
  natsOptions_SetErrorHandler(created, &NatsInbox::OnError, inbox_.get());
  natsOptions_SetClosedCB(created, &NatsInbox::OnClosed, inbox_.get());
  natsConnection* connection = nullptr;
  const natsStatus code = natsConnection_Connect(&connection, created);
  if (code != NATS_OK) {
    return NatsSourceError(
        code, absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
  }
  inbox_->callers().Enter();
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
    const std::string before = LastError();
    if (absl::Status status = SubscribeTo(wanted); !status.ok()) return status;
    if (!wanted.may_be_refused) continue;
    // cnats keeps the server's last word alone, and until there is another: if
    // it is the same, it is of an earlier time, or cnats tells it soon.
    if (absl::Status status = Flush(); !status.ok()) return status;
    const std::string text = LastError();
    if (text != before) inbox_->NoteLastError(wanted.subject, text);
  }
  // The server has read them when it answers, and said what it refuses.
  return Flush();
}

std::string NatsConnection::LastError() {
  const char* text = nullptr;
  natsConnection* const connection = handles_->Connection();
  if (connection != nullptr) natsConnection_GetLastError(connection, &text);
  return text == nullptr ? "" : text;
}

absl::Status NatsConnection::SubscribeTo(const Subscription& wanted) {
  natsConnection* const connection = handles_->Connection();
  if (connection == nullptr) {
    return NatsSourceError(NATS_CONNECTION_CLOSED, "NATS: not connected");
  }
  inbox_->SetMayBeRefused(wanted.subject, wanted.may_be_refused);
  auto subscribed = std::make_unique<Handles::Subscribed>();
  subscribed->inbox = inbox_.get();
  subscribed->subject = wanted.subject;
  const natsStatus code =
      wanted.queue_group.empty()
          ? natsConnection_Subscribe(&subscribed->handle, connection,
                                     wanted.subject.c_str(),
                                     &NatsInbox::OnMessage, inbox_.get())
          : natsConnection_QueueSubscribe(&subscribed->handle, connection,
                                          wanted.subject.c_str(),
                                          wanted.queue_group.c_str(),
                                          &NatsInbox::OnMessage, inbox_.get());
  if (code != NATS_OK) {
    return NatsSourceError(code,
                           absl::StrCat("subject \"", wanted.subject,
                                        "\": ", natsStatus_GetText(code)));
  }
  inbox_->callers().Enter();
  // Refused if the connection is closed already, and then never called.
  if (natsSubscription_SetOnCompleteCB(subscribed->handle,
                                       &Handles::Subscribed::OnComplete,
                                       subscribed.get()) != NATS_OK) {
    inbox_->callers().Leave();
  }
  MutexLock lock(&handles_->mu);
  handles_->subscriptions.push_back(std::move(subscribed));
  return absl::OkStatus();
}

absl::Status NatsConnection::Flush() {
  const natsStatus code =
      natsConnection_FlushTimeout(handles_->Connection(), kFlushTimeoutMs);
  if (code == NATS_OK) return absl::OkStatus();
  return NatsSourceError(
      code, absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
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
  // The connection is left.
  if (answers) inbox_->callers().AwaitOnly(1, timeout);
}

void NatsConnection::Disconnect() {
  natsConnection* const connection = handles_->Connection();
  if (connection == nullptr) return;
  // While cnats still tells it.
  handles_->Dropped();
  natsConnection_Close(connection);
  inbox_->callers().AwaitNone();
  const uint64_t put = inbox_->Reset();
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
