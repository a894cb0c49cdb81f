#include "host/nats/nats_link.h"

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/nats/nats_callers.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

// How long the server may take to say that it knows the subscriptions.
constexpr absl::Duration kFlushTimeout = absl::Seconds(5);

absl::Status ToError(natsStatus code, absl::string_view text) {
  switch (code) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return absl::PermissionDeniedError(
          absl::StrCat(text,
                       "; check the user, the credentials_file or "
                       "nkey_seed_file, and what the server permits"));
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING:
    case NATS_MAX_PAYLOAD:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// Whose publishing the server refuses, as it says it: Permissions Violation for
// Publish to "SUBJECT". Empty if it says something else.
std::string ForbiddenSubject(absl::string_view error) {
  constexpr absl::string_view kWords = "publish to \"";
  const size_t at = absl::AsciiStrToLower(error).find(std::string(kWords));
  if (at == std::string::npos) return "";
  const absl::string_view rest = error.substr(at + kWords.size());
  return std::string(rest.substr(0, rest.find('"')));
}

}  // namespace

class NatsLink::Calls {
 public:
  explicit Calls(Listener* listener) : listener_(listener) {}

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message,
                        void* self) {
    static_cast<Calls*>(self)->listener_->OnMessage(message);
    natsMsg_Destroy(message);
  }
  static void OnError(natsConnection* connection, natsSubscription*,
                      natsStatus code, void* self) {
    // What is dropped of answers is as if it had not come.
    if (code == NATS_SLOW_CONSUMER) return;
    auto* calls = static_cast<Calls*>(self);
    const std::string reason = NatsErrorText(connection, code);
    if (code == NATS_NOT_PERMITTED) {
      if (std::string subject = ForbiddenSubject(reason); !subject.empty()) {
        calls->listener_->OnForbidden(subject);
        return;
      }
    }
    calls->End(ToError(code, absl::StrCat("NATS: ", reason)));
  }
  static void OnClosed(natsConnection*, void* self) {
    auto* calls = static_cast<Calls*>(self);
    calls->End(absl::UnavailableError("NATS: the connection was closed"));
    calls->callers_.Leave();
  }
  static void OnComplete(void* self) {
    static_cast<Calls*>(self)->callers_.Leave();
  }

  // A connection is made.
  void Begin() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ended_ = false;
    why_ = absl::OkStatus();
  }
  NatsCallers& callers() { return callers_; }
  // Of this connection; the first reason is the cause of the others.
  void End(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (std::exchange(ended_, true)) return;
      why_ = why;
    }
    listener_->OnEnd(why);
  }
  // Nobody is to hear of the end that comes now.
  void Forget() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ended_ = true;
  }
  absl::Status why() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return why_;
  }

 private:
  Listener* const listener_;
  NatsCallers callers_;
  Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mu_);
};

NatsLink::NatsLink(NatsServerOptions options, Listener* listener)
    : options_(std::move(options)),
      endpoint_(NatsEndpoint(options_.servers)),
      calls_(std::make_unique<Calls>(listener)) {}

NatsLink::~NatsLink() { Disconnect(); }

absl::Status NatsLink::Connect(const std::vector<std::string>& subjects) {
  Disconnect();
  natsOptions* created = nullptr;
  if (natsOptions_Create(&created) != NATS_OK) {
    return absl::UnavailableError("NATS: no memory");
  }
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> options(
      created, &natsOptions_Destroy);
  const NatsOptionFault fault = ConfigureNats(options_, created);
  if (fault.code != NATS_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat(fault.field, ": ", fault.why));
  }
  calls_->Begin();
  natsOptions_SetErrorHandler(created, &Calls::OnError, calls_.get());
  natsOptions_SetClosedCB(created, &Calls::OnClosed, calls_.get());
  const natsStatus code = natsConnection_Connect(&connection_, created);
  if (code != NATS_OK) {
    connection_ = nullptr;
    return ToError(code,
                   absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
  }
  calls_->callers().Enter();
  if (const int64_t max = natsConnection_GetMaxPayload(connection_); max > 0) {
    max_payload_ = static_cast<size_t>(max);
  }
  absl::Status status;
  for (const std::string& subject : subjects) {
    status = Subscribe(subject);
    if (!status.ok()) break;
  }
  if (status.ok()) status = Flush(kFlushTimeout);
  // Why the server closed it tells more than that it is closed.
  if (absl::Status why = calls_->why(); !why.ok()) status = std::move(why);
  if (!status.ok()) Disconnect();
  return status;
}

absl::Status NatsLink::Subscribe(const std::string& subject) {
  if (connection_ == nullptr) return absl::UnavailableError("not connected");
  natsSubscription* subscription = nullptr;
  const natsStatus code =
      natsConnection_Subscribe(&subscription, connection_, subject.c_str(),
                               &Calls::OnMessage, calls_.get());
  if (code != NATS_OK) {
    return ToError(code, absl::StrCat("subject \"", subject,
                                      "\": ", natsStatus_GetText(code)));
  }
  calls_->callers().Enter();
  // Refused if the connection is closed already, and then never called.
  if (natsSubscription_SetOnCompleteCB(subscription, &Calls::OnComplete,
                                       calls_.get()) != NATS_OK) {
    calls_->callers().Leave();
  }
  subscriptions_.push_back(subscription);
  return absl::OkStatus();
}

void NatsLink::Disconnect() {
  if (connection_ == nullptr) return;
  calls_->Forget();
  natsConnection_Close(connection_);
  calls_->callers().AwaitNone();
  for (natsSubscription* subscription : subscriptions_) {
    natsSubscription_Destroy(subscription);
  }
  subscriptions_.clear();
  natsConnection_Destroy(std::exchange(connection_, nullptr));
}

absl::Status NatsLink::Publish(const std::string& subject,
                               const std::string& reply,
                               const std::vector<Header>& headers,
                               absl::string_view data) {
  if (connection_ == nullptr) return absl::UnavailableError("not connected");
  if (absl::Status why = calls_->why(); !why.ok()) {
    return absl::UnavailableError(why.message());
  }
  natsMsg* created = nullptr;
  natsStatus code = natsMsg_Create(&created, subject.c_str(),
                                   reply.empty() ? nullptr : reply.c_str(),
                                   data.data(), static_cast<int>(data.size()));
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> message(
      created, &natsMsg_Destroy);
  for (const auto& [name, value] : headers) {
    if (code != NATS_OK) break;
    code = natsMsgHeader_Set(created, name.c_str(), value.c_str());
  }
  if (code == NATS_OK) code = natsConnection_PublishMsg(connection_, created);
  if (code == NATS_OK) return absl::OkStatus();
  const absl::Status error = ToError(
      code,
      absl::StrCat("subject \"", subject, "\": ", natsStatus_GetText(code)));
  // Part of it may be written: nothing can follow.
  if (code == NATS_TIMEOUT) calls_->End(error);
  return error;
}

absl::Status NatsLink::Flush(absl::Duration timeout) {
  if (connection_ == nullptr) return absl::UnavailableError("not connected");
  const natsStatus code = natsConnection_FlushTimeout(
      connection_, absl::ToInt64Milliseconds(timeout));
  if (code == NATS_OK) return absl::OkStatus();
  return ToError(code, absl::StrCat(endpoint_, ": ", natsStatus_GetText(code)));
}

absl::Status NatsLink::LastForbidden() const {
  if (connection_ == nullptr) return absl::OkStatus();
  const char* text = nullptr;
  // Set where answers are read, and so before that of the Flush is.
  if (natsConnection_GetLastError(connection_, &text) != NATS_NOT_PERMITTED) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "NATS: ", text == nullptr ? "" : text, "; have the server permit it"));
}

std::string NatsLink::LastForbiddenSubject() const {
  const absl::Status status = LastForbidden();
  return status.ok() ? "" : ForbiddenSubject(status.message());
}

}  // namespace weir
