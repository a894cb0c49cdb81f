#include "host/source/jetstream_source.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/nats/nats_inbox_subject.h"
#include "host/source/jetstream_error.h"
#include "host/source/source_error.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

using Code = absl::StatusCode;

// How long an answer of the API may take.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);

// How much may be on the way at once: so many messages, or as many as have so
// many bytes.
constexpr uint64_t kMostToCome = 512;
constexpr uint64_t kBytesToCome = uint64_t{8} << 20;

// How long an end waits for what the server is just sending.
constexpr absl::Duration kDrainTimeout = absl::Milliseconds(500);

// Messages are as long as this until it is known better.
constexpr size_t kFirstGuess = size_t{64} << 10;

// Beside those messages, what the server says of itself.
constexpr size_t kPendingLimit = 65536;

// The server's limits are not ours: what is too long for us has to be ended.
NatsServerOptions ServerOptions(NatsServerOptions options) {
  options.pending_limit = kPendingLimit;
  options.max_payload_bytes = std::numeric_limits<size_t>::max();
  return options;
}

absl::string_view SubjectOf(natsMsg* message) {
  return natsMsg_GetSubject(message);
}

int StatusOf(natsMsg* message) {
  int code = 0;
  return absl::SimpleAtoi(NatsHeader(message, "Status"), &code) ? code : 0;
}

}  // namespace

JetStreamSource::JetStreamSource(JetStreamOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      connection_(ServerOptions(options_.server)),
      description_{.kind = "jetstream",
                   .endpoint = connection_.endpoint(),
                   .flow_control = true,
                   .resumes = true},
      acks_(std::make_shared<JetStreamAcks>(
          JetStreamAcks::Options{.ack_incomplete = options_.ack_incomplete,
                                 .ack_wait = options_.consumer.ack_wait},
          &connection_, clock)),
      largest_(kFirstGuess) {}

JetStreamSource::~JetStreamSource() {
  acks_->Stop(options_.stop_budget);
  connection_.AwaitWritten(options_.stop_budget);
}

absl::Status JetStreamSource::Connect() {
  acks_->SetReading(false);
  // What was acknowledged to the last moment need not come again.
  connection_.AwaitWritten(options_.stop_budget);
  absl::StatusOr<std::string> inbox = NewNatsInbox();
  if (!inbox.ok()) return inbox.status();
  inbox_ = *std::move(inbox);
  to_come_ = 0;
  end_ = absl::OkStatus();
  absl::Status status =
      connection_.Connect({{absl::StrCat(inbox_, "*"), /*queue_group=*/""}});
  if (!status.ok()) return status;
  forbidden_before_ = connection_.forbidden();
  status = Bind();
  if (status.ok() && interrupted_) status = absl::CancelledError("interrupted");
  if (!status.ok()) {
    connection_.Disconnect();
    return status;
  }
  acks_->Connected();
  acks_->SetReading(true);
  return absl::OkStatus();
}

absl::Status JetStreamSource::Bind() {
  const JetStreamConsumer& wanted = options_.consumer;
  absl::StatusOr<JetStreamAnswer> answer =
      Call(ConsumerInfoSubject(wanted), "");
  if (answer.ok() && answer->err_code == kJetStreamConsumerNotFound) {
    answer = Call(CreateConsumerSubject(wanted), CreateConsumerRequest(wanted));
  }
  if (!answer.ok()) return answer.status();
  if (answer->code != 0) {
    return JetStreamErrorOf(connection_.endpoint(), wanted, *answer);
  }
  if (absl::Status status = CheckConsumer(wanted, *answer); !status.ok()) {
    return MakeSourceError(status.code(), SourceError::kUpstream,
                           status.message());
  }
  if (std::exchange(created_, answer->created) != answer->created) {
    acks_->ConsumerIsNew();
  }
  max_batch_ = answer->max_batch;
  max_expires_ = answer->max_expires;
  return absl::OkStatus();
}

absl::StatusOr<JetStreamAnswer> JetStreamSource::Call(
    const std::string& subject, const std::string& request) {
  const std::string reply = absl::StrCat(inbox_, "api");
  if (absl::Status status = connection_.PublishTo(subject, reply, request);
      !status.ok()) {
    return absl::IsUnavailable(status)
               ? MakeSourceError(Code::kUnavailable,
                                 SourceError::kConnectionLost, status.message())
               : MakeSourceError(Code::kInvalidArgument, SourceError::kProtocol,
                                 absl::StrCat(status.message(),
                                              "; check stream and durable"));
  }
  messages_.clear();
  absl::Status status = connection_.Take(1, 1, &messages_, kAnswerTimeout);
  if (!status.ok()) return status;
  if (messages_.empty()) {
    if (connection_.forbidden() > forbidden_before_) {
      return JetStreamForbidden(connection_.endpoint(), options_.consumer);
    }
    return MakeSourceError(
        Code::kUnavailable, SourceError::kReadTimeout,
        absl::StrCat(connection_.endpoint(), ": no answer to ", subject,
                     " within ", absl::FormatDuration(kAnswerTimeout)));
  }
  natsMsg* const message = messages_[0];
  if (natsMsg_IsNoResponders(message)) {
    return JetStreamIsOff(connection_.endpoint());
  }
  absl::StatusOr<JetStreamAnswer> answer = ParseJetStreamAnswer(
      {natsMsg_GetData(message),
       static_cast<size_t>(natsMsg_GetDataLength(message))});
  if (!answer.ok()) {
    return MakeSourceError(Code::kUnavailable, SourceError::kProtocol,
                           absl::StrCat("the answer to ", subject, ": ",
                                        answer.status().message()));
  }
  return answer;
}

absl::Status JetStreamSource::Pull() {
  const uint64_t by_bytes =
      std::max<uint64_t>(kBytesToCome / std::max<size_t>(largest_, 1), 1);
  uint64_t most =
      std::min({by_bytes, kMostToCome,
                uint64_t{std::max(options_.consumer.max_ack_pending, 1U)}});
  if (max_batch_ > 0) most = std::min(most, static_cast<uint64_t>(max_batch_));
  if (to_come_ > most / 2) return absl::OkStatus();
  const uint64_t batch = most - to_come_;
  absl::Duration expiry = options_.pull_expiry;
  if (max_expires_ > absl::ZeroDuration()) {
    expiry = std::min(expiry, max_expires_);
  }
  // More than half of it the server does not take.
  const absl::Duration heartbeat = std::min(options_.heartbeat, expiry / 2);
  absl::Status status = connection_.PublishTo(
      PullSubject(options_.consumer), absl::StrCat(inbox_, "pull"),
      PullRequest(batch, expiry, heartbeat));
  if (!status.ok()) {
    return MakeSourceError(Code::kUnavailable, SourceError::kConnectionLost,
                           status.message());
  }
  to_come_ += batch;
  pulls_.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status JetStreamSource::Read(FrameBatch* batch) {
  std::vector<JetStreamAcks::Message> taken;
  absl::Status status;
  while (status.ok()) {
    status = std::exchange(end_, absl::OkStatus());
    if (status.ok()) status = Pull();
    messages_.clear();
    if (status.ok()) {
      status = connection_.Take(options_.batch_messages, kBatchBytes,
                                &messages_, 3 * options_.heartbeat);
    }
    if (status.ok() && connection_.forbidden() > forbidden_before_) {
      status = JetStreamForbidden(connection_.endpoint(), options_.consumer);
    }
    if (status.ok() && messages_.empty()) {
      status = MakeSourceError(
          Code::kUnavailable, SourceError::kReadTimeout,
          absl::StrCat(connection_.endpoint(), ": no sign of consumer \"",
                       options_.consumer.durable, "\" for ",
                       absl::FormatDuration(3 * options_.heartbeat),
                       "; it may have been deleted"));
    }
    if (!status.ok()) break;
    largest_ -= largest_ / 16;
    for (natsMsg* message : messages_) {
      if (absl::StartsWith(SubjectOf(message), inbox_)) {
        if (end_.ok()) end_ = TakeStatus(message);
      } else {
        TakeMessage(message, batch, &taken);
      }
    }
    if (taken.empty()) continue;
    batch->received_at = clock_.Now();
    batch->receipt = acks_->HandOut(std::move(taken));
    return absl::OkStatus();
  }
  if (absl::IsCancelled(status)) {
    GiveBack();
  } else {
    acks_->SetReading(false);
    connection_.Disconnect();
  }
  return status;
}

void JetStreamSource::TakeMessage(natsMsg* message, FrameBatch* batch,
                                  std::vector<JetStreamAcks::Message>* taken) {
  if (to_come_ > 0) --to_come_;
  const char* const reply = natsMsg_GetReply(message);
  const std::optional<StreamedMessage> of_stream =
      ParseAckSubject(reply == nullptr ? "" : reply);
  if (!of_stream.has_value()) {
    unknown_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  delivered_.fetch_add(1, std::memory_order_relaxed);
  if (of_stream->deliveries > 1) {
    redelivered_.fetch_add(1, std::memory_order_relaxed);
  }
  {
    MutexLock lock(&mu_);
    last_sequence_ = std::max(last_sequence_, of_stream->sequence);
    pending_ = of_stream->pending;
  }
  const auto size = static_cast<size_t>(natsMsg_GetDataLength(message));
  largest_ = std::max(largest_, size);
  JetStreamAcks::Message one{*of_stream, reply};
  // It may also have come twice since the last Read.
  const auto is_it = [&](const JetStreamAcks::Message& other) {
    return other.of_stream.sequence == of_stream->sequence;
  };
  if (acks_->InHand(one) ||
      (of_stream->deliveries > 1 &&
       std::any_of(taken->begin(), taken->end(), is_it))) {
    again_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (size > options_.max_payload_bytes) {
    too_long_.fetch_add(1, std::memory_order_relaxed);
    connection_.PublishTo(one.reply, "", kJetStreamTerminate).IgnoreError();
    return;
  }
  batch->frames.emplace_back(natsMsg_GetData(message), size);
  batch->subjects.push_back(SubjectOf(message));
  batch->notes.push_back({.time_ns = of_stream->time_ns,
                          .redelivered = of_stream->deliveries > 1});
  taken->push_back(std::move(one));
}

absl::Status JetStreamSource::TakeStatus(natsMsg* message) {
  const int code = StatusOf(message);
  uint64_t rest = 0;
  switch (code) {
    case 100:  // A sign of life.
      return absl::OkStatus();
    case 404:
    case 408:  // A request is over; so many of it do not come any more.
      if (!absl::SimpleAtoi(NatsHeader(message, "Nats-Pending-Messages"),
                            &rest)) {
        rest = to_come_;
      }
      to_come_ -= std::min(to_come_, rest);
      return absl::OkStatus();
    case 0:  // A late answer of the API.
      return absl::OkStatus();
    default:
      return MakeSourceError(
          code == 400 ? Code::kFailedPrecondition : Code::kUnavailable,
          SourceError::kUpstream,
          absl::StrCat(connection_.endpoint(), ": consumer \"",
                       options_.consumer.durable, "\": ", code, " ",
                       ToUtf8(NatsHeader(message, "Description"))));
  }
}

void JetStreamSource::GiveBack() {
  acks_->SetReading(false);
  // The server forgets a request that nobody listens for.
  connection_.Drain(kDrainTimeout);
  // But nats-server 2.9 does not look at what waits until it has a message for
  // it, and then puts a message that was given back out of its sight until
  // ack_wait is over. Who asks about the consumer makes it look.
  connection_
      .PublishTo(ConsumerInfoSubject(options_.consumer),
                 absl::StrCat(inbox_, "none"), "")
      .IgnoreError();
  const std::string nak = JetStreamNak(absl::ZeroDuration());
  for (const std::string& reply : connection_.WaitingReplies()) {
    if (!connection_.PublishTo(reply, "", nak).ok()) return;
    given_back_.fetch_add(1, std::memory_order_relaxed);
  }
}

void JetStreamSource::Interrupt() {
  interrupted_ = true;
  acks_->SetInterrupted(true);
  connection_.Interrupt();
}

void JetStreamSource::Rearm() {
  interrupted_ = false;
  acks_->SetInterrupted(false);
  connection_.Rearm();
}

Source::Progress JetStreamSource::GetProgress() const {
  const JetStreamAcks::Counts counts = acks_->counts();
  Progress progress;
  progress.commits = counts.acks;
  progress.commit_errors = counts.unsent;
  for (const auto& [reason, count] :
       {std::pair("too_long", too_long_.load()),
        std::pair("not_of_a_stream", unknown_.load()),
        std::pair("pending_limit", connection_.dropped())}) {
    if (count > 0) progress.skipped_by_reason[reason] = count;
  }
  progress.counters = {{"acks", counts.acks},
                       {"naks", counts.naks + given_back_},
                       {"in_progress", counts.in_progress},
                       {"in_flight", counts.in_hand},
                       {"delivered", delivered_},
                       {"redelivered", redelivered_},
                       {"still_in_hand", again_},
                       {"pulls", pulls_}};
  progress.details = {{"stream", options_.consumer.stream},
                      {"consumer", options_.consumer.durable}};
  MutexLock lock(&mu_);
  progress.counters["pending"] = pending_;
  if (last_sequence_ == 0) return progress;
  progress.upstream_position = absl::StrCat(last_sequence_);
  const uint64_t done = counts.oldest == 0
                            ? last_sequence_
                            : std::min(last_sequence_, counts.oldest - 1);
  if (done > 0) progress.committed_position = absl::StrCat(done);
  return progress;
}

}  // namespace weir
