#include "host/steward/nats_transport.h"

#include <nats.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/nats/nats_inbox_subject.h"

namespace weir {
namespace {

// How long the server may take to read what was published.
constexpr absl::Duration kFlushTimeout = absl::Seconds(2);

// What an answer may say at most: a reason for a person.
constexpr size_t kMaxAnswerBytes = 4096;

}  // namespace

NatsTransport::NatsTransport(NatsServerOptions options,
                             bool shared_reply_subject,
                             std::function<void()> wake)
    : shared_reply_subject_(shared_reply_subject),
      wake_(std::move(wake)),
      link_(std::move(options), this),
      max_payload_(link_.max_payload()) {}

NatsTransport::~NatsTransport() { Disconnect(); }

absl::Status NatsTransport::Connect() {
  Disconnect();
  std::vector<std::string> subjects;
  if (!shared_reply_subject_) {
    absl::StatusOr<std::string> inbox = NewNatsInbox();
    if (!inbox.ok()) return inbox.status();
    inbox_ = *std::move(inbox);
    subjects.push_back(absl::StrCat(inbox_, "*"));
  }
  absl::Status status = link_.Connect(subjects);
  if (status.ok()) max_payload_.store(link_.max_payload());
  return status;
}

void NatsTransport::Disconnect() {
  link_.Disconnect();
  replies_.clear();
  // What it brought is of what was sent by it.
  MutexLock lock(&mu_);
  news_ = News();
  refused_.clear();
}

NatsTransport::News NatsTransport::Take() {
  MutexLock lock(&mu_);
  return std::exchange(news_, News());
}

absl::StatusOr<std::string> NatsTransport::ReplySubject(
    const std::string& subject, uint64_t number) {
  if (!shared_reply_subject_) return absl::StrCat(inbox_, number);
  std::string reply = absl::StrCat(subject, ".reply");
  if (replies_.count(reply) == 0) {
    const absl::Status status = link_.Subscribe(reply);
    if (!status.ok()) return status;
    replies_.insert(reply);
  }
  return reply;
}

absl::Status NatsTransport::Publish(const std::string& subject,
                                    const std::string& reply,
                                    const steward::Payload& payload) {
  return link_.Publish(subject, reply, payload.headers, payload.bytes);
}

absl::Status NatsTransport::Flush() {
  absl::Status status = link_.Flush(kFlushTimeout);
  // cnats calls OnForbidden later, from another thread.
  std::string subject = link_.LastForbiddenSubject();
  if (!subject.empty()) {
    MutexLock lock(&mu_);
    refused_.insert(std::move(subject));
  }
  return status;
}

bool NatsTransport::Refused(const std::string& subject) {
  MutexLock lock(&mu_);
  return refused_.count(subject) > 0;
}

void NatsTransport::OnMessage(natsMsg* message) {
  News::Answered answered;
  answered.reply = natsMsg_GetSubject(message);
  answered.answer.no_responders = natsMsg_IsNoResponders(message);
  const char* word = nullptr;
  if (natsMsgHeader_Get(message, StewardSender::kAckHeader, &word) == NATS_OK &&
      word != nullptr) {
    answered.answer.word = word;
    answered.answer.data.assign(
        natsMsg_GetData(message),
        std::min(static_cast<size_t>(natsMsg_GetDataLength(message)),
                 kMaxAnswerBytes));
  }
  {
    MutexLock lock(&mu_);
    news_.answers.push_back(std::move(answered));
  }
  wake_();
}

void NatsTransport::OnEnd(const absl::Status& why) {
  {
    MutexLock lock(&mu_);
    news_.ended = true;
    news_.why = why;
  }
  wake_();
}

void NatsTransport::OnForbidden(const std::string& subject) {
  MutexLock lock(&mu_);
  refused_.insert(subject);
}

}  // namespace weir
