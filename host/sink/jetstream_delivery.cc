#include "host/sink/jetstream_delivery.h"

#include <nats.h>

#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/nats/jetstream_api.h"
#include "host/nats/nats_inbox_subject.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

}  // namespace

JetStreamDelivery::JetStreamDelivery(JetStreamDeliveryOptions options)
    : options_(std::move(options)), link_(options_.server, this) {}

JetStreamDelivery::~JetStreamDelivery() { link_.Disconnect(); }

void JetStreamDelivery::Interrupt() {
  interrupted_.store(true);
  MutexLock lock(&mu_);
  changed_.NotifyAll();
}

Delivery::Result JetStreamDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  Result result;
  result.outcomes.assign(events.size(), Outcome::kFailed);
  result.error = KeepConnected();
  if (!result.error.ok()) return result;
  std::vector<UnderWay> messages;
  absl::Status rejected;
  for (size_t i = 0; i < events.size(); ++i) {
    absl::StatusOr<NatsItem> item =
        MakeNatsItem(*events[i], options_.subject, link_.max_payload());
    if (item.ok()) {
      messages.push_back({*std::move(item), i});
    } else {
      result.outcomes[i] = Outcome::kRejected;
      rejected = item.status();
    }
  }
  std::vector<Answer> answers;
  absl::Status failed = Exchange(messages, &answers);
  for (size_t i = 0; i < messages.size(); ++i) {
    const UnderWay& message = messages[i];
    if (!answers[i].came) continue;
    absl::Status status = Judge(message.item, answers[i]);
    if (status.ok()) {
      result.outcomes[message.place] = Outcome::kDelivered;
      result.bytes += message.item.json.size();
    } else if (absl::IsInvalidArgument(status)) {
      result.outcomes[message.place] = Outcome::kRejected;
      rejected = std::move(status);
    } else if (failed.ok()) {
      failed = std::move(status);
    }
  }
  result.error = failed.ok() ? rejected : failed;
  return result;
}

absl::Status JetStreamDelivery::KeepConnected() {
  {
    MutexLock lock(&mu_);
    if (!end_.ok()) connected_ = false;
    end_ = absl::OkStatus();
  }
  if (interrupted_.load()) return absl::UnavailableError("interrupted");
  if (connected_) return absl::OkStatus();
  absl::StatusOr<std::string> inbox = NewNatsInbox();
  if (!inbox.ok()) return inbox.status();
  inbox_ = *std::move(inbox);
  absl::Status status = link_.Connect({absl::StrCat(inbox_, "*")});
  connected_ = status.ok();
  return status;
}

absl::Status JetStreamDelivery::Exchange(const std::vector<UnderWay>& messages,
                                         std::vector<Answer>* answers) {
  uint64_t number = 0;
  {
    MutexLock lock(&mu_);
    // Late answers to the call before are nobody's.
    first_ += answers_.size();
    number = first_;
    answers_.assign(messages.size(), Answer());
    subjects_.clear();
    for (const UnderWay& message : messages) {
      subjects_.push_back(message.item.subject);
    }
    open_ = messages.size();
    // Somebody may have permitted it meanwhile.
    forbidden_.clear();
  }
  absl::Status status;
  for (const UnderWay& message : messages) {
    if (interrupted_.load()) status = absl::UnavailableError("interrupted");
    if (!status.ok()) break;
    status =
        link_.Publish(message.item.subject, absl::StrCat(inbox_, number++),
                      {{kNatsIdHeader, message.item.id}}, message.item.json);
  }
  if (status.ok()) status = Await();
  if (!status.ok()) {
    // The server may be one that does not answer any more.
    link_.Disconnect();
    connected_ = false;
  }
  MutexLock lock(&mu_);
  *answers = answers_;
  // One subject that is forbidden is told so; it ends nothing.
  for (size_t i = 0; i < messages.size() && status.ok(); ++i) {
    if (!answers_[i].came) {
      status = absl::PermissionDeniedError(
          absl::StrCat("the server does not permit to publish to \"",
                       subjects_[i], "\"; have it permit that"));
    }
  }
  return status;
}

absl::Status JetStreamDelivery::Await() {
  MutexLock lock(&mu_);
  const auto timeout = absl::ToChronoMilliseconds(options_.answer_timeout);
  auto limit = std::chrono::steady_clock::now() + timeout;
  size_t open = open_;
  while (open_ > 0) {
    if (!end_.ok()) return end_;
    if (interrupted_.load()) return absl::UnavailableError("interrupted");
    bool all_forbidden = true;
    std::string example;
    for (size_t i = 0; i < answers_.size(); ++i) {
      if (answers_[i].came || forbidden_.count(subjects_[i]) > 0) continue;
      all_forbidden = false;
      example = subjects_[i];
      break;
    }
    if (all_forbidden) return absl::OkStatus();
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(open, open_) != open_) limit = now + timeout;
    if (now >= limit) {
      return absl::UnavailableError(
          absl::StrCat("no stream has answered for ",
                       absl::FormatDuration(options_.answer_timeout),
                       "; does one keep \"", example, "\"? (nats stream ls)"));
    }
    changed_.WaitFor(&mu_, absl::FromChrono(limit - now));
  }
  return absl::OkStatus();
}

absl::Status JetStreamDelivery::Judge(const NatsItem& item,
                                      const Answer& answer) const {
  if (answer.no_responders) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no stream keeps \"", item.subject,
        "\", or JetStream is off; make one (nats stream add) with it among its "
        "subjects"));
  }
  const absl::StatusOr<JetStreamPubAck> ack = ParsePubAck(answer.json);
  if (!ack.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("who answers on \"", item.subject,
                     "\" is no stream: ", ack.status().message()));
  }
  if (!ack->stream.empty()) return absl::OkStatus();
  const std::string text = absl::StrCat(
      "\"", item.subject, "\": the stream says: ", ack->description);
  if (ack->err_code == kJetStreamMessageTooLarge) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, "; raise its max_msg_size"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(text, "; see to it (nats stream info)"));
}

void JetStreamDelivery::OnMessage(natsMsg* message) {
  const absl::string_view subject = natsMsg_GetSubject(message);
  uint64_t number = 0;
  if (!absl::SimpleAtoi(subject.substr(subject.rfind('.') + 1), &number)) {
    return;
  }
  MutexLock lock(&mu_);
  if (number < first_ || number - first_ >= answers_.size()) return;
  Answer& answer = answers_[number - first_];
  if (std::exchange(answer.came, true)) return;
  answer.no_responders = natsMsg_IsNoResponders(message);
  answer.json.assign(natsMsg_GetData(message),
                     static_cast<size_t>(natsMsg_GetDataLength(message)));
  --open_;
  // Those that are forbidden are not answered: the others may be all.
  if (open_ == 0 || !forbidden_.empty()) changed_.NotifyAll();
}

void JetStreamDelivery::OnEnd(const absl::Status& why) {
  MutexLock lock(&mu_);
  end_ = why.ok() ? absl::UnavailableError("the connection ended") : why;
  changed_.NotifyAll();
}

void JetStreamDelivery::OnForbidden(const std::string& subject) {
  MutexLock lock(&mu_);
  forbidden_.insert(subject);
  changed_.NotifyAll();
}

}  // namespace weir
